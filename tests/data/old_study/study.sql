BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE mixtune_drivers (
	study VARCHAR(512) NOT NULL, 
	slot VARCHAR(32) NOT NULL, 
	driver VARCHAR(32) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	machine VARCHAR(255) NOT NULL, 
	process BIGINT NOT NULL, 
	process_began FLOAT NOT NULL, 
	began VARCHAR(32) NOT NULL, 
	seen BIGINT NOT NULL, 
	PRIMARY KEY (study, slot)
);
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'old');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'created','"2026-11-28T05:40:06+00:00"');
INSERT INTO "study_user_attributes" VALUES(2,1,'id','"fd6b4963a0bb"');
INSERT INTO "study_user_attributes" VALUES(3,1,'versions','{"python": "3.11.7", "mixtune": "0.1.0", "optuna": "5.0.0", "torch": "2.13.0+cpu", "transformers": "5.23.0", "peft": "0.21.2", "ray": "2.60.0", "lm-eval": "0.4.13", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}');
INSERT INTO "study_user_attributes" VALUES(4,1,'texts','[{"name": "alpha", "sha256": "552efd89baf1b8938f78ab2dabefb122ff372c1ca82c0b06c3a2b08a4ef90068", "words": 240, "tokens": 550, "group": "", "found": 0}, {"name": "beta", "sha256": "e4ee57c3062255094f415a0bf0c711c2b3082ff3b1524cf93c73555f40703180", "words": 240, "tokens": 510, "group": "", "found": 0}, {"name": "gamma", "sha256": "f3bb0e5e7c5eb05312e90780af94e4ce087d66351ddff2c6e2f2208de942f872", "words": 240, "tokens": 550, "group": "", "found": 0}]');
INSERT INTO "study_user_attributes" VALUES(5,1,'inputs','{"the base": "a6ceede66ff1ac52", "the task ''small'' (scores.0)": "4759fd7fe8e4e7e8"}');
INSERT INTO "study_user_attributes" VALUES(6,1,'metric','"probability"');
INSERT INTO "study_user_attributes" VALUES(7,1,'holdout','null');
INSERT INTO "study_user_attributes" VALUES(8,1,'folder','"@FOLDER@/runs/old"');
INSERT INTO "study_user_attributes" VALUES(9,1,'spec','{"schema": 1, "name": "old", "seed": 0, "storage": null, "artifacts": null, "space": {"texts": {"folder": "@FOLDER@/library", "unit": "file", "choose": "subset", "min_texts": null, "max_texts": null, "max_epochs": null}, "tuning": {"method": "lora", "rank": [2, 4], "alpha": null, "alpha_per_rank": null, "dropout": 0.0, "targets": "all-linear"}, "layers": "all", "learning_rate": 0.0001, "stages": [], "order": "given"}, "objective": {"kind": "finetune", "base": "tiny", "trust_remote_code": false, "tokens": 64, "rungs": [0.5, 1.0], "questions": null, "length": 16, "batch": 2, "accumulate": 1, "checkpointing": false, "remember": 1.0, "warmup": 5, "weight_decay": 0.0, "clip": 1.0, "precision": "float32", "device": "auto", "scores": [{"holdout": 0.0, "split_seed": 0, "kind": "benchmark", "tasks": [{"task": "@FOLDER@/small.yaml", "data": null, "examples": null, "few_shot": null, "weight": 1.0, "reference": null, "passage": null}], "include": [], "metric": "auto", "limit": null, "batch": 64, "allow_code": false}]}, "search": {"trials": 4, "sampler": "random", "second": null, "prior": {}, "pruner": "asha", "randomised": 0.5, "reduction": 3, "workers": null, "cpus": 1.0, "gpus": null, "failures": 3, "retries": 2, "confirm": {"best": 0, "seeds": 3, "each_text": false}, "ray": {"address": null}, "hours": null}}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,32,2.95559982320853453785e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,64,2.955009774472240891e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,32,2.9555105416471078028e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,64,2.95515050900697961999e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,3,32,2.95587724516938432639e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,64,2.95624783412578473473e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,4,32,2.95543417114594086925e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'text:alpha',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(2,1,'text:beta',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(3,1,'text:gamma',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(4,1,'tuning.rank',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [2, 4]}}');
INSERT INTO "trial_params" VALUES(5,2,'text:alpha',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(6,2,'text:beta',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(7,2,'text:gamma',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(8,2,'tuning.rank',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [2, 4]}}');
INSERT INTO "trial_params" VALUES(9,3,'text:alpha',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(10,3,'text:beta',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(11,3,'text:gamma',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(12,3,'tuning.rank',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [2, 4]}}');
INSERT INTO "trial_params" VALUES(13,4,'text:alpha',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(14,4,'text:beta',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(15,4,'text:gamma',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 1}}');
INSERT INTO "trial_params" VALUES(16,4,'tuning.rank',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [2, 4]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'completed_rung_0','0.29555998232085345');
INSERT INTO "trial_system_attributes" VALUES(2,2,'completed_rung_0','0.2955510541647108');
INSERT INTO "trial_system_attributes" VALUES(3,3,'completed_rung_0','0.29558772451693843');
INSERT INTO "trial_system_attributes" VALUES(4,4,'completed_rung_0','0.2955434171145941');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'arm','"randomised"');
INSERT INTO "trial_user_attributes" VALUES(2,1,'pair','0');
INSERT INTO "trial_user_attributes" VALUES(3,1,'propensity','0.5');
INSERT INTO "trial_user_attributes" VALUES(4,1,'seed','1029182123');
INSERT INTO "trial_user_attributes" VALUES(5,1,'driver','"cc6fd6cb07ce4e6ba269f18b33afb4e5"');
INSERT INTO "trial_user_attributes" VALUES(6,1,'config','{"base": "tiny", "seed": 1029182123, "stages": [{"name": "train", "mix": {"weights": [["alpha", 0.5], ["beta", 0.5]]}, "tuning": {"method": "lora", "rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]}, "frozen": [], "budget": 64, "learning_rate": 0.0001, "own_mix": false}], "half": "search", "max_epochs": null}');
INSERT INTO "trial_user_attributes" VALUES(7,1,'rung:0','{"tokens": 32, "score": 0.29555998232085345, "stderr": 0.12946032221804338, "base": 0.29556571650341446, "gain_stderr": 3.388484763712383e-05, "items": "GvowPndgFD+SENw+930QJA==", "seconds": {"load": 0.16640533699955995, "setup": 0.0014093310001044301, "train": 0.0697292329996344, "score": 0.028329849000328977, "save": 0.02103301100032695}, "qualities": {"text_tokens": 1060.0, "adapter_weights": 37888.0, "probability": 0.29555998232085345, "log_probability": -13.01248586177826, "bits_per_byte": 1.3352901765063256, "margin": -9.461885809898376, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 9.382904052734375}, "artifact": "rung-0"}');
INSERT INTO "trial_user_attributes" VALUES(8,1,'survived','32');
INSERT INTO "trial_user_attributes" VALUES(9,1,'rung:1','{"tokens": 64, "score": 0.2955009774472241, "stderr": 0.12945108903806027, "base": 0.29556571650341446, "gain_stderr": 0.00010229813125619611, "items": "t8wwPpNUFD8dINw+rmwSJA==", "seconds": {"save": 0.026253428000018175, "train": 0.04217719799999031, "score": 0.027789527000095404}, "qualities": {"text_tokens": 1060.0, "adapter_weights": 37888.0, "probability": 0.2955009774472241, "log_probability": -13.009377002716064, "bits_per_byte": 1.3350896049433554, "margin": -9.458807706832886, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 9.152120590209961}, "artifact": "rung-1"}');
INSERT INTO "trial_user_attributes" VALUES(10,2,'arm','"randomised"');
INSERT INTO "trial_user_attributes" VALUES(11,2,'pair','0');
INSERT INTO "trial_user_attributes" VALUES(12,2,'propensity','0.5');
INSERT INTO "trial_user_attributes" VALUES(13,2,'seed','1029182123');
INSERT INTO "trial_user_attributes" VALUES(14,2,'driver','"cc6fd6cb07ce4e6ba269f18b33afb4e5"');
INSERT INTO "trial_user_attributes" VALUES(15,2,'config','{"base": "tiny", "seed": 1029182123, "stages": [{"name": "train", "mix": {"weights": [["gamma", 1.0]]}, "tuning": {"method": "lora", "rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]}, "frozen": [], "budget": 64, "learning_rate": 0.0001, "own_mix": false}], "half": "search", "max_epochs": null}');
INSERT INTO "trial_user_attributes" VALUES(16,2,'rung:0','{"tokens": 32, "score": 0.2955510541647108, "stderr": 0.12945784271288222, "base": 0.29556571650341446, "gain_stderr": 4.841563799252279e-05, "items": "GfMwPt9dFD+UFNw+8yARJA==", "seconds": {"load": 7.79250003688503e-05, "setup": 0.0009906909999699565, "train": 0.05445601799965516, "score": 0.03359415100021579, "save": 0.01635232500029815}, "qualities": {"text_tokens": 550.0, "adapter_weights": 37888.0, "probability": 0.2955510541647108, "log_probability": -13.011422514915466, "bits_per_byte": 1.335210104081851, "margin": -9.460944771766663, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 10.14862060546875}, "artifact": "rung-0"}');
INSERT INTO "trial_user_attributes" VALUES(17,2,'pruner_would_stop','32');
INSERT INTO "trial_user_attributes" VALUES(18,2,'survived','32');
INSERT INTO "trial_user_attributes" VALUES(19,2,'rung:1','{"tokens": 64, "score": 0.29551505090069796, "stderr": 0.12943377089211272, "base": 0.29556571650341446, "gain_stderr": 0.0001401185338330255, "items": "td4wPjJNFD8/Ldw+MiQTJA==", "seconds": {"save": 0.024236995999672217, "train": 0.03480555900023319, "score": 0.025577133999831858}, "qualities": {"text_tokens": 550.0, "adapter_weights": 37888.0, "probability": 0.29551505090069796, "log_probability": -13.008079767227173, "bits_per_byte": 1.3349708910522198, "margin": -9.45765995979309, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 9.51322078704834}, "artifact": "rung-1"}');
INSERT INTO "trial_user_attributes" VALUES(20,3,'arm','"guided"');
INSERT INTO "trial_user_attributes" VALUES(21,3,'seed','1172422839');
INSERT INTO "trial_user_attributes" VALUES(22,3,'driver','"cc6fd6cb07ce4e6ba269f18b33afb4e5"');
INSERT INTO "trial_user_attributes" VALUES(23,3,'config','{"base": "tiny", "seed": 1172422839, "stages": [{"name": "train", "mix": {"weights": [["alpha", 0.5], ["beta", 0.5]]}, "tuning": {"method": "lora", "rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]}, "frozen": [], "budget": 64, "learning_rate": 0.0001, "own_mix": false}], "half": "search", "max_epochs": null}');
INSERT INTO "trial_user_attributes" VALUES(24,3,'rung:0','{"tokens": 32, "score": 0.29558772451693843, "stderr": 0.12946888807200985, "base": 0.29556571650341446, "gain_stderr": 4.0142164904519405e-05, "items": "SwAxPm1iFD8aGNw+xecQJA==", "seconds": {"load": 7.985799948073691e-05, "setup": 0.0015579420005451539, "train": 0.05038631899969914, "score": 0.024465774999953283, "save": 0.018145877000279143}, "qualities": {"text_tokens": 1060.0, "adapter_weights": 18944.0, "probability": 0.29558772451693843, "log_probability": -13.01171326637268, "bits_per_byte": 1.3352032443346276, "margin": -9.461178302764893, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 9.279863357543945}, "artifact": "rung-0"}');
INSERT INTO "trial_user_attributes" VALUES(25,3,'survived','32');
INSERT INTO "trial_user_attributes" VALUES(26,3,'rung:1','{"tokens": 64, "score": 0.2956247834125785, "stderr": 0.12947227383247276, "base": 0.29556571650341446, "gain_stderr": 0.00011710461589104222, "items": "NP8wPohbFD/cOdw+sxETJA==", "seconds": {"save": 0.025323637999463244, "train": 0.03773241199996846, "score": 0.02856143300050462}, "qualities": {"text_tokens": 1060.0, "adapter_weights": 18944.0, "probability": 0.2956247834125785, "log_probability": -13.007913589477539, "bits_per_byte": 1.3348668530139578, "margin": -9.45734429359436, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 8.72512149810791}, "artifact": "rung-1"}');
INSERT INTO "trial_user_attributes" VALUES(27,4,'arm','"guided"');
INSERT INTO "trial_user_attributes" VALUES(28,4,'seed','2800267618');
INSERT INTO "trial_user_attributes" VALUES(29,4,'driver','"cc6fd6cb07ce4e6ba269f18b33afb4e5"');
INSERT INTO "trial_user_attributes" VALUES(30,4,'config','{"base": "tiny", "seed": 2800267618, "stages": [{"name": "train", "mix": {"weights": [["alpha", 0.5], ["beta", 0.5]]}, "tuning": {"method": "lora", "rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]}, "frozen": [], "budget": 64, "learning_rate": 0.0001, "own_mix": false}], "half": "search", "max_epochs": null}');
INSERT INTO "trial_user_attributes" VALUES(31,4,'rung:0','{"tokens": 32, "score": 0.2955434171145941, "stderr": 0.12945756522456428, "base": 0.29556571650341446, "gain_stderr": 3.5047411526640644e-05, "items": "ZfIwPi5fFD9QDtw+3cEQJA==", "seconds": {"load": 7.284799994522473e-05, "setup": 0.0012234350006110617, "train": 0.05106361399975867, "score": 0.026471482000488322, "save": 0.01719201099967904}, "qualities": {"text_tokens": 1060.0, "adapter_weights": 18944.0, "probability": 0.2955434171145941, "log_probability": -13.012122869491577, "bits_per_byte": 1.3352696363822782, "margin": -9.461644649505615, "accuracy": 0.5, "accuracy_stderr": 0.28867513459481287, "train_loss": 9.8546724319458}, "artifact": "rung-0"}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,2.955009774472240891e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,2.95515050900697961999e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,2.95624783412578473473e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,2.95543417114594086925e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-28 05:40:06.831800','2026-11-28 05:40:07.283795');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-28 05:40:07.305084','2026-11-28 05:40:07.531554');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-28 05:40:07.552004','2026-11-28 05:40:07.783223');
INSERT INTO "trials" VALUES(4,3,1,'PRUNED','2026-11-28 05:40:07.805099','2026-11-28 05:40:07.945697');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
