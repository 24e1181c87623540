
// Mean and 1 / deviation of each image's groups of `length` numbers: (images * groups, 2).
KERNEL(group_statistics)(const float* x, float* statistics, int length, double eps) {
    SHARED double sums[THREADS];
    SHARED double squares[THREADS];
    int group = BLOCK_X;
    EACH_THREAD(t) {
        double sum = 0.0, square = 0.0;
        for (int i = t; i < length; i += THREADS) {
            double number = x[group * length + i];
            sum += number;
            square += number * number;
        }
        sums[t] = sum;
        squares[t] = square;
    }
    ADD_UP(sums)
    ADD_UP(squares)
    EACH_THREAD(t) {
        if (t == 0) {
            double mean = sums[0] / length, var = squares[0] / length - mean * mean;
            if (var < 0.0) var = 0.0;
            statistics[2 * group] = (float)mean;
            statistics[2 * group + 1] = (float)(1.0 / sqrt(var + eps));
        }
    }
}

// Each number by its group's statistics and its channel's scale and shift; a channel has `size` numbers an image.
KERNEL(group_norm)(const float* x, const float* statistics, const float* weight, const float* shift, float* y,
    int n, int channels, int size, int length) {
    EACH(i, n) {
        int c = i / size % channels, group = i / length;
        y[i] = (x[i] - statistics[2 * group]) * statistics[2 * group + 1] * weight[c] + shift[c];
    }
}

// The sums of each image's and channel's gradients and of their products with the normalized numbers: (images * channels, 2).
KERNEL(group_parts)(const float* x, const float* g, const float* statistics, double* parts, int size, int length) {
    SHARED double sums[THREADS];
    SHARED double products[THREADS];
    int plane = BLOCK_X;
    EACH_THREAD(t) {
        double sum = 0.0, product = 0.0;
        int group = (int)((long long)plane * size / length);
        for (int i = t; i < size; i += THREADS) {
            int at = plane * size + i;
            sum += g[at];
            product += (double)g[at] * ((x[at] - statistics[2 * group]) * statistics[2 * group + 1]);
        }
        sums[t] = sum;
        products[t] = product;
    }
    ADD_UP(sums)
    ADD_UP(products)
    EACH_THREAD(t) {
        if (t == 0) {
            parts[2 * plane] = sums[0];
            parts[2 * plane + 1] = products[0];
        }
    }
}

// The mean of a group's gradients by its normalized numbers, and of their products with these: (images * groups, 2).
KERNEL(group_means)(const double* parts, const float* weight, float* means, int n, int groups, int of_group, int length) {
    EACH(group, n) {
        double sum = 0.0, product = 0.0;
        for (int i = 0; i < of_group; i++) {
            double factor = weight[group % groups * of_group + i];
            sum += factor * parts[2 * (group * of_group + i)];
            product += factor * parts[2 * (group * of_group + i) + 1];
        }
        means[2 * group] = (float)(sum / length);
        means[2 * group + 1] = (float)(product / length);
    }
}

KERNEL(group_back)(const float* x, const float* g, const float* statistics, const float* means, const float* weight, float* dx,
    int n, int channels, int size, int length) {
    EACH(i, n) {
        int c = i / size % channels, group = i / length;
        float inverse = statistics[2 * group + 1], number = (x[i] - statistics[2 * group]) * inverse;
        dx[i] = inverse * (weight[c] * g[i] - means[2 * group] - number * means[2 * group + 1]);
    }
}

// The gradients by scale and shift: the images' parts in their order.
KERNEL(group_sums)(const double* parts, float* by_weight, float* by_shift, int images, int channels) {
    EACH(c, channels) {
        double sum = 0.0, product = 0.0;
        for (int n = 0; n < images; n++) {
            sum += parts[2 * (n * channels + c)];
            product += parts[2 * (n * channels + c) + 1];
        }
        by_weight[c] = (float)product;
        by_shift[c] = (float)sum;
    }
}
