// What Verilator's FST writer calls of zlib; see lz4.h.
#ifndef MLFPGA_ZLIB_H_
#define MLFPGA_ZLIB_H_

typedef unsigned char Bytef;
typedef unsigned long uLong, uLongf;
#define Z_OK 0

extern "C" {
uLong compressBound(uLong size);
int compress2(Bytef *to, uLongf *to_size, const Bytef *from, uLong size, int level);
}

#endif
