// Which of this host's processes this one is, under MPI.
#pragma once

namespace ann::cuda {

// From 0, as the launcher's environment says (Open MPI, MPICH, Intel MPI, MVAPICH, Slurm, PALS); 0
// where none does.
int local_rank();

}  // namespace ann::cuda
