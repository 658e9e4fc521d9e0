// Included before every source: where hls4ml's C simulation finds its weight files is known when it runs, not when it is
// compiled, so that a compiled library may be moved or found again by its content.
#ifndef MLFPGA_WEIGHTS_FOLDER_H_
#define MLFPGA_WEIGHTS_FOLDER_H_

#include <string>

inline std::string mlfpga_weights;
#define WEIGHTS_DIR mlfpga_weights

#endif
