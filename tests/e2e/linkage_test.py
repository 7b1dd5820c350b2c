"""The program links no gRPC library: serving gRPC is ours, and grpc++ would cost ten times the CPU of a call.

usage: linkage_test.py PROGRAM
"""

import subprocess
import sys


def main():
    needed = subprocess.run(["llvm-readelf-19", "--dynamic", "--wide", sys.argv[1]], check=True, capture_output=True, text=True).stdout
    symbols = subprocess.run(["llvm-nm-19", "--dynamic", "--demangle", sys.argv[1]], check=True, capture_output=True, text=True).stdout
    libraries = [line.split("[")[1].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line]
    if not any(name.startswith("libprotobuf") for name in libraries):
        raise RuntimeError(f"this is not the program: {libraries}")
    wrong = [name for name in libraries if "grpc" in name] + [line for line in symbols.splitlines() if "grpc_call_" in line]
    if wrong:
        raise RuntimeError(f"the program links gRPC: {wrong[:5]}")


if __name__ == "__main__":
    main()
