"""The demo world: two companies, an accounting firm with twelve clients, and a year behind them.

`world` says what there is, `build` makes it through the same operations that people use.
"""
