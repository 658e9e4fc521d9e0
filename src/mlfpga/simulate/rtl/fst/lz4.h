// What Verilator's FST writer calls of lz4: these declarations and the library are enough, without the package that
// brings lz4's own header (which is preferred where it is there).
#ifndef MLFPGA_LZ4_H_
#define MLFPGA_LZ4_H_

extern "C" {
int LZ4_compressBound(int size);
int LZ4_compress_default(const char *from, char *to, int size, int capacity);
}

#endif
