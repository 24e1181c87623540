// The words that the kernels are written in: what they mean to a card's compiler, and to a C compiler.
//
// A kernel is KERNEL(name)(arguments) with a body of loops, one after the other:
//   EACH(i, n)        gives each number below n to one thread; only where threads need nothing of each other;
//   EACH_THREAD(t)    runs for each of a block's THREADS threads, which wait for each other at its end.
// Between two of the latter, numbers pass in SHARED arrays only. There are no atomics, and no sum depends on which thread
// is first, so the same input gives the same bits. All sizes and places are int: a launch sees to it that they fit.

#define THREADS 256

#ifdef __CUDACC__

#define KERNEL(name) extern "C" __global__ void __launch_bounds__(THREADS) name
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__
#define BLOCK_X ((int)blockIdx.x)
#define BLOCK_Y ((int)blockIdx.y)
#define GRID_X ((int)gridDim.x)
#define EACH(i, n) for (int i = BLOCK_X * THREADS + (int)threadIdx.x, once_ = 1; once_ && i < (n); once_ = 0)
#define EACH_THREAD(t) for (int t = (int)threadIdx.x, once_ = 1; once_; once_ = 0, __syncthreads())

#else

#include <math.h>
#define KERNEL(name) static void name
#define DEVICE static inline
#define SHARED static _Thread_local
#define BLOCK_X block_x
#define BLOCK_Y block_y
#define GRID_X grid_x
#define EACH_THREAD(t) for (int t = first_thread; t != end_thread; t += thread_step)
#define EACH(i, n) EACH_THREAD(t_) for (int i = BLOCK_X * THREADS + t_, once_ = 1; once_ && i < (n); once_ = 0)
static _Thread_local int block_x, block_y, grid_x, first_thread, end_thread, thread_step;
// Runs what follows for each block of a grid, forwards or in the opposite order of blocks and threads.
#define EACH_BLOCK(across, down, reverse) \
    grid_x = (across); \
    first_thread = (reverse) ? THREADS - 1 : 0; \
    end_thread = (reverse) ? -1 : THREADS; \
    thread_step = (reverse) ? -1 : 1; \
    for (int b_ = 0; b_ < (across) * (down); b_++) \
        if (block_x = ((reverse) ? (across) * (down) - 1 - b_ : b_) % (across), \
            block_y = ((reverse) ? (across) * (down) - 1 - b_ : b_) / (across), 1)

#endif

// Adds up an array of THREADS numbers into its first, as a tree.
#define ADD_UP(sums) \
    for (int half = THREADS / 2; half > 0; half /= 2) \
        EACH_THREAD(t) { \
            if (t < half) sums[t] += sums[t + half]; \
        }

// How many numbers a thread of a kernel goes through that says so: `launch::Launch::several`.
#define NUMBERS_A_THREAD 8

// a / b, which is slow, unless b is one of those that there usually are.
#define DIVIDED(a, b) ((b) == 2 ? (a) / 2 : (b) == 1 ? (a) : (a) / (b))

// From number p of image n to that which lies THREADS further on, images having `pixels` numbers.
#define FORTH(n, p, pixels) \
    (p) += THREADS; \
    if ((p) >= (pixels)) { \
        (n) += (p) / (pixels); \
        (p) %= (pixels); \
    }

DEVICE int smaller(int a, int b) { return a < b ? a : b; }
DEVICE int larger(int a, int b) { return a > b ? a : b; }
