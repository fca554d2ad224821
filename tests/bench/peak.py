"""keystall's command line, followed by the most memory that it had, MB.

It has to tell by itself: what the parent would hear counts the parent's own memory too.
"""

from bot.__main__ import main
from tests.bench.memory import megabytes

if __name__ == "__main__":
    try:
        main()
    finally:
        print(megabytes("self", "VmHWM"))
