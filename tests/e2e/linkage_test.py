"""What the program is made of: no gRPC library (serving gRPC is ours, and grpc++ would cost ten times the CPU of a call),
and little storage that each thread gets whether it uses it or not: the C library clears it, so it is there for good.

usage: linkage_test.py PROGRAM
"""

import subprocess
import sys

MAX_THREAD_BYTES = 4096


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_libraries(program):
    needed = output_of("llvm-readelf-19", "--dynamic", "--wide", program)
    symbols = output_of("llvm-nm-19", "--dynamic", "--demangle", program)
    libraries = [line.split("[")[1].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line]
    if not any(name.startswith("libprotobuf") for name in libraries):
        raise RuntimeError(f"this is not the program: {libraries}")
    wrong = [name for name in libraries if "grpc" in name] + [line for line in symbols.splitlines() if "grpc_call_" in line]
    if wrong:
        raise RuntimeError(f"the program links gRPC: {wrong[:5]}")


def check_thread_storage(program):
    headers = output_of("llvm-readelf-19", "--program-headers", "--wide", program)
    sizes = [int(line.split()[5], 16) for line in headers.splitlines() if line.split()[:1] == ["TLS"]]
    if len(sizes) != 1:
        raise RuntimeError(f"one segment of thread storage is expected: {sizes}")
    if sizes[0] > MAX_THREAD_BYTES:
        raise RuntimeError(f"each thread costs {sizes[0]} bytes of thread_local storage, at most {MAX_THREAD_BYTES} are right")


if __name__ == "__main__":
    check_libraries(sys.argv[1])
    check_thread_storage(sys.argv[1])
