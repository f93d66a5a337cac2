"""The recipe's programs are scripts beside each other, not a package: their folder joins the path."""

import sys

from places import RECIPE

sys.path.append(str(RECIPE))
