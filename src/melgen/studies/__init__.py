"""Studies: many trainings as one, from sweep to tables and figures.

The files, in an order in which they can be read::

    study.py                     the parts of a study: a part may use only those before it
    settings.py, primers.py      its configuration, checked, and how its songs begin
    stages/                      what is done in which order, a file for each stage
    tasks.py, time_left.py       tasks that are done once, with a manifest
    names.py                     the names of tasks and files
    plan/planned_runs.py         the runs that a command line asks for
    plan/training_plan.py        which of them are not trained yet
    plan/estimate.py, update_timing.py   how long these will take
    plan/training.py             train them as one sweep
    plan/rate_trials.py          trials of learning rates before the sweep, for the stage tune
    runs/reader.py, study_runs.py, selection.py   the finished runs, and those that represent them
    study_corpus.py, primer_remarks.py   the corpus of the runs, and whether primers suit it
    baseline_songs.py            songs of baselines, made and measured
    likelihoods.py               bits per note by each network and by the baselines that count tokens
    embedding_fits.py            how closely embeddings follow musical distances
    probes/tasks.py, measuring.py, memorization_tasks.py   probes of the selected networks
    probes/results.py, reader.py, findings.py, memorized_points.py   what they found, as data and as sentences
    comparing/cell_pairs.py, bits_of_tunes.py, tasks.py   each cell against a reference, over seeds and tunes
    results.py                   everything that was found, as plain data
    results_reader.py, result_files.py   reads it from its files
    tables/, figures/            functions from results alone
    cost_validation.py, methods.py   whether cross-entropy is a fair cost, and the paragraph of methods

Words: a *planned run* is a configuration with its directory, trained or not. A *run* is finished. A *model* is the runs
that differ in their seed alone. A *setting* is what compared cells have in common.
"""
