
// Kernels with a fault each, which the emulator is to notice. They are part of tests only.
KERNEL(goes_beyond_the_end)(float* y, int n) {
    EACH(i, n + 1) y[i] = 1.0f;
}

KERNEL(writes_what_it_may_only_read)(const float* x, int n) {
    EACH(i, n) ((float*)x)[i] = 1.0f;
}

KERNEL(leaves_one_out)(float* y, int n) {
    EACH(i, n - 1) y[i] = 1.0f;
}

KERNEL(does_not_wait)(float* y) {
    SHARED float shared[THREADS];
    EACH_THREAD(t) {
        shared[t] = (float)t;
        y[t] = shared[(t + 1) % THREADS];
    }
}
