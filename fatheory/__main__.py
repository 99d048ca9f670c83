"""``python -m fatheory`` is the command ``fatheory``."""

from fatheory.cli import main

if __name__ == "__main__":
    main()
