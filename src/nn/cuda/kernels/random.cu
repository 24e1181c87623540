
// Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011): block `block` of a stream at a step, as `nn::Stream::block`.
DEVICE void philox(unsigned long long block, unsigned key0, unsigned key1, unsigned step0, unsigned step1, unsigned* four) {
    unsigned a = (unsigned)block, b = (unsigned)(block >> 32), c = step0, d = step1;
    for (int round = 0; round < 10; round++) {
        unsigned long long first = (unsigned long long)a * 0xD2511F53u;
        unsigned long long second = (unsigned long long)c * 0xCD9E8D57u;
        a = (unsigned)(second >> 32) ^ b ^ key0;
        b = (unsigned)second;
        c = (unsigned)(first >> 32) ^ d ^ key1;
        d = (unsigned)first;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    four[0] = a;
    four[1] = b;
    four[2] = c;
    four[3] = d;
}

// Zeroes the numbers that a stream draws below `threshold` and multiplies the others by `keep`: its own backward pass.
KERNEL(dropout)(const float* x, float* y, int n, unsigned threshold, float keep,
    unsigned key0, unsigned key1, unsigned step0, unsigned step1) {
    EACH(block, (n + 3) / 4) {
        unsigned four[4];
        philox((unsigned long long)block, key0, key1, step0, step1, four);
        for (int i = 4 * block; i < smaller(n, 4 * block + 4); i++) {
            y[i] = four[i % 4] < threshold ? 0.0f : x[i] * keep;
        }
    }
}
