
// The sum of squares of each chunk of `length` numbers, into `parts` from `first` on.
KERNEL(square_parts)(const float* g, double* parts, int n, int length, int first) {
    SHARED double sums[THREADS];
    int from = BLOCK_X * length;
    EACH_THREAD(t) {
        double sum = 0.0;
        for (int i = from + t; i < smaller(n, from + length); i += THREADS) sum += (double)g[i] * g[i];
        sums[t] = sum;
    }
    ADD_UP(sums)
    EACH_THREAD(t) {
        if (t == 0) parts[first + BLOCK_X] = sums[0];
    }
}

// What the gradients are multiplied with to be no longer than `most`: one block.
KERNEL(clip_scale)(const double* parts, float* scale, int n, double most) {
    SHARED double sums[THREADS];
    EACH_THREAD(t) {
        double sum = 0.0;
        for (int i = t; i < n; i += THREADS) sum += parts[i];
        sums[t] = sum;
    }
    ADD_UP(sums)
    EACH_THREAD(t) {
        if (t == 0) {
            double factor = most / (sqrt(sums[0]) + 1e-6);
            scale[0] = (float)(factor > 1.0 ? 1.0 : factor);
        }
    }
}

// The optimizers' steps are those of `nn::optimizer::Rule`.
KERNEL(sgd)(float* w, const float* g, const float* scale, int n, float lr, float decay) {
    EACH(i, n) w[i] -= lr * (scale[0] * g[i] + decay * w[i]);
}

KERNEL(sgd_momentum)(float* w, const float* g, const float* scale, float* buffer, int n, float lr, float momentum, int nesterov, float decay) {
    EACH(i, n) {
        float weight = w[i], gradient = scale[0] * g[i] + decay * weight, moved = momentum * buffer[i] + gradient;
        buffer[i] = moved;
        w[i] = weight - lr * (nesterov ? gradient + momentum * moved : moved);
    }
}

KERNEL(adam)(float* w, const float* g, const float* scale, float* first, float* second, int n,
    float size, float correction, float decay, float shrink, float rest1, float beta2, float rest2, float eps) {
    EACH(i, n) {
        float weight = w[i], gradient = scale[0] * g[i] + decay * weight;
        float mean = first[i], square = beta2 * second[i] + rest2 * gradient * gradient;
        mean += (gradient - mean) * rest1;
        first[i] = mean;
        second[i] = square;
        w[i] = weight * shrink - size * (mean / (sqrtf(square) / correction + eps));
    }
}

// Moves `average` by `share` of the way to `target`, from the nearer end.
KERNEL(follow)(float* average, const float* target, int n, float share) {
    EACH(i, n) {
        float way = target[i] - average[i];
        average[i] = share < 0.5f ? average[i] + share * way : target[i] - way * (1.0f - share);
    }
}
