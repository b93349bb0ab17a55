"""The whole loop on one collection: sessions until a click, base, warm start, PPO, proof, evaluation, bundle.

    DIR/index/       the engine's index          DIR/ppo.log/      metrics of PPO
    DIR/log.db       simulated, later live       DIR/evaluation/   results.json, runs, report.html
    DIR/base/ DIR/warm_start/ DIR/ppo/           DIR/final/        what passed the gate
                                                 DIR/bundle/       what the service loads
    DIR/demo.json    which steps are finished, see `memory.py`

Each step runs once: after an interruption, the next call continues with the first unfinished step. The command then
starts the service.
"""
