
// The rows of `size` numbers that `which` names, in its order.
KERNEL(chosen)(const float* x, const unsigned* which, float* y, int n, int size) {
    EACH(i, n) y[i] = x[(int)which[i / size] * size + i % size];
}
