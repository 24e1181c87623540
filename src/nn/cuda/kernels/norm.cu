
// Where number p of a channel of an image lies: by channels first (c, n, pixels), else (n, c, pixels).
DEVICE int place_of(int n, int c, int p, int images, int channels, int pixels, int by_channel) {
    return (by_channel ? c * images + n : n * channels + c) * pixels + p;
}

// The sum and the sum of squares of each channel's numbers plus its bias, in parts: (channels, chunks, 2).
KERNEL(moment_parts)(const float* x, const float* bias, double* parts, int images, int channels, int pixels, int by_channel) {
    SHARED double sums[THREADS];
    SHARED double squares[THREADS];
    int channel = BLOCK_Y, chunk = BLOCK_X, chunks = GRID_X, count = images * pixels;
    int length = (count - 1) / chunks + 1;
    int from = smaller(count, chunk * length), to = smaller(count, from + length);
    EACH_THREAD(t) {
        double sum = 0.0, square = 0.0, shift = bias[channel];
        int n = (from + t) / pixels, p = (from + t) % pixels;
        for (int i = from + t; i < to; i += THREADS) {
            double number = x[place_of(n, channel, p, images, channels, pixels, by_channel)] + shift;
            sum += number;
            square += number * number;
            FORTH(n, p, pixels)
        }
        sums[t] = sum;
        squares[t] = square;
    }
    ADD_UP(sums)
    ADD_UP(squares)
    EACH_THREAD(t) {
        if (t == 0) {
            parts[2 * (channel * chunks + chunk)] = sums[0];
            parts[2 * (channel * chunks + chunk) + 1] = squares[0];
        }
    }
}

// The first of the two sums of `moment_parts`: a channel's sum.
KERNEL(channel_sums)(const double* parts, float* sums, int channels, int chunks) {
    EACH(c, channels) {
        double sum = 0.0;
        for (int i = 0; i < chunks; i++) sum += parts[2 * (c * chunks + i)];
        sums[c] = (float)sum;
    }
}

// What normalizes each channel: z = (x + row 0) * row 2 + row 3, and (x + row 0) * row 1 has mean 0 and variance 1.
DEVICE void normalizing(float* table, int c, int channels, double mean, double var, double eps, float bias, float weight, float shift) {
    double inverse = 1.0 / sqrt(var + eps);
    table[c] = (float)(bias - mean);
    table[channels + c] = (float)inverse;
    table[2 * channels + c] = (float)(weight * inverse);
    table[3 * channels + c] = shift;
}

// By the batch's own statistics, which move the running ones; the variance kept is without bias.
KERNEL(norm_of_batch)(const double* parts, const float* bias, const float* weight, const float* shift,
    float* running_mean, float* running_var, float* table, int channels, int chunks, int count, double eps, double momentum) {
    EACH(c, channels) {
        double sum = 0.0, square = 0.0;
        for (int i = 0; i < chunks; i++) {
            sum += parts[2 * (c * chunks + i)];
            square += parts[2 * (c * chunks + i) + 1];
        }
        double mean = sum / count, var = square / count - mean * mean;
        // Rounding must not make it negative; NaN stays.
        if (var < 0.0) var = 0.0;
        normalizing(table, c, channels, mean, var, eps, bias[c], weight[c], shift[c]);
        running_mean[c] = (float)((1.0 - momentum) * running_mean[c] + momentum * mean);
        running_var[c] = (float)((1.0 - momentum) * running_var[c] + momentum * var * count / (count - 1.0));
    }
}

// By the running statistics.
KERNEL(norm_of_run)(const float* running_mean, const float* running_var, const float* bias, const float* weight, const float* shift,
    float* table, int channels, double eps) {
    EACH(c, channels) {
        normalizing(table, c, channels, running_mean[c], running_var[c], eps, bias[c], weight[c], shift[c]);
    }
}

// Without normalization: the bias alone.
KERNEL(norm_of_none)(const float* bias, float* table, int channels) {
    EACH(c, channels) {
        table[c] = bias[c];
        table[channels + c] = 1.0f;
        table[2 * channels + c] = 1.0f;
        table[3 * channels + c] = 0.0f;
    }
}
