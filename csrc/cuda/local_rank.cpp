#include "cuda/local_rank.h"

#include <cstdlib>
#include <initializer_list>

namespace ann::cuda {

int local_rank() {
    for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                             "MV2_COMM_WORLD_LOCAL_RANK", "PALS_LOCAL_RANKID", "SLURM_LOCALID"})
        if (const char* said = std::getenv(name)) {
            char* end = nullptr;
            const long rank = std::strtol(said, &end, 10);
            if (end != said && *end == 0 && rank >= 0 && rank < 1 << 20) return int(rank);
        }
    return 0;
}

}  // namespace ann::cuda
