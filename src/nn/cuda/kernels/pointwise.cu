
// max(x, 0); NaN is not at most zero, so it passes and will be noticed.
KERNEL(relu)(const float* x, float* y, int n) {
    EACH(i, n) y[i] = x[i] <= 0.0f ? 0.0f : x[i];
}

// By what the ReLU gave: at zero the gradient is zero.
KERNEL(relu_back)(const float* g, const float* y, float* dx, int n) {
    EACH(i, n) dx[i] = y[i] == 0.0f ? 0.0f : g[i];
}

// x * P(X < x) for a normal X (Hendrycks and Gimpel 2016).
KERNEL(gelu)(const float* x, float* y, int n) {
    EACH(i, n) y[i] = x[i] * 0.5f * erfcf(-0.70710678f * x[i]);
}

KERNEL(gelu_back)(const float* g, const float* x, float* dx, int n) {
    EACH(i, n) {
        float density = 0.39894228f * expf(-0.5f * x[i] * x[i]);
        dx[i] = g[i] * (0.5f * erfcf(-0.70710678f * x[i]) + x[i] * density);
    }
}

KERNEL(add)(const float* a, const float* b, float* y, int n) {
    EACH(i, n) y[i] = a[i] + b[i];
}

KERNEL(add_relu)(const float* a, const float* b, float* y, int n) {
    EACH(i, n) y[i] = a[i] + b[i] <= 0.0f ? 0.0f : a[i] + b[i];
}

// Adds to each row of `columns` numbers the same row.
KERNEL(add_row)(float* rows, const float* row, int n, int columns) {
    EACH(i, n) rows[i] += row[i % columns];
}

// Each column's sum over chunks of `length` rows: (chunks, columns).
KERNEL(column_parts)(const float* x, double* parts, int rows, int columns, int chunks, int length) {
    EACH(i, chunks * columns) {
        double sum = 0.0;
        int from = i / columns * length;
        for (int row = from; row < smaller(rows, from + length); row++) sum += x[row * columns + i % columns];
        parts[i] = sum;
    }
}

KERNEL(column_sums)(const double* parts, float* sums, int columns, int chunks) {
    EACH(i, columns) {
        double sum = 0.0;
        for (int chunk = 0; chunk < chunks; chunk++) sum += parts[chunk * columns + i];
        sums[i] = (float)sum;
    }
}
