// What every translated kernel begins with.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Where a thread stands.
struct place {
    unsigned thread[3], at[3], block[3], grid[3], threads;
};

// A piece of the card's memory: where it begins and ends.
struct range {
    uint64_t from, to;
};

// Finds the piece that an address is in; false where there is none.
typedef int (*Find)(uint64_t address, struct range* found);

// For each place in the code that goes to memory, the piece it went to last. A fault is 1 for an address that belongs to
// nothing, 2 for threads that wait in different places, 3 for a check of the kernel's own.
struct sites {
    Find find;
    int fault;
    struct range* ranges;
    // Read and written in the card's memory.
    uint64_t bytes;
};

static inline uint8_t* at(struct sites* sites, int site, uint64_t address, uint64_t bytes) {
    struct range* range = &sites->ranges[site];
    if (address < range->from || address + bytes > range->to) {
        if (!sites->find(address, range) || address + bytes > range->to) {
            sites->fault = 1;
            return 0;
        }
    }
    sites->bytes += bytes;
    return (uint8_t*)address;
}

static inline float F(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline double D(uint64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
static inline uint32_t UF(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
static inline uint64_t UD(double x) { uint64_t bits; memcpy(&bits, &x, 8); return bits; }

static inline double saturated(double x) { return x > 0 ? (x < 1 ? x : 1) : 0; }

// A float that is a whole number already, within an integer's range; NaN is 0. Its upper end is one beyond the range.
static inline __int128 whole(double x, double least, double end) {
    return x != x ? 0 : x < least ? (__int128)least : x >= end ? (__int128)end - 1 : (__int128)x;
}

static inline double upper_half(double x) { return D(UD(x) & 0xFFFFFFFF00000000ull); }

// Rounded towards minus infinity: the product is exact in float64.
static inline float fma_down(float a, float b, float c) {
    double exact = (double)a * b + c;
    float near = (float)exact;
    return (double)near > exact ? nextafterf(near, -INFINITY) : near;
}

static inline float towards_zero(double a, double b) {
    double exact = a + b;
    float near = (float)exact;
    return fabs((double)near) > fabs(exact) ? nextafterf(near, 0.0f) : near;
}
