
// A pooled number's code where no gradient passes: not above zero, or dropped.
#define DEAD 255

// Normalization, ReLU, max-pooling of windows that do not overlap, and dropout in one pass: from (images, channels, oh, ow),
// by channels first or not, to (images, channels, height, width). `codes` gets each maximum's place in its window.
//
// A thread makes four numbers of a row: they are the four words of one draw, in the order of `nn::ConvBlock`, whose rows
// are of sixteen channels.
KERNEL(tail)(const float* x, const float* table, float* y, unsigned char* codes,
    int images, int channels, int oh, int ow, int by_channel, int height, int width, int ph, int pw,
    int relu, int dropout, unsigned threshold, float keep, unsigned key0, unsigned key1, unsigned step0, unsigned step1) {
    int fours = (width + 3) / 4;
    EACH(i, images * channels * height * fours) {
        int four = i % fours, row = i / fours % height;
        int c = i / (fours * height) % channels, n = i / (fours * height * channels);
        float offset = table[c], scale = table[2 * channels + c], shift = table[3 * channels + c];
        unsigned random[4];
        if (dropout) {
            unsigned long long rows = (unsigned long long)(n * ((channels + 15) / 16) + c / 16) * height + row;
            philox((rows * fours + four) * 16 + c % 16, key0, key1, step0, step1, random);
        }
        for (int col = 4 * four; col < smaller(width, 4 * four + 4); col++) {
            float best = 0.0f;
            int place = 0;
            for (int r = 0; r < ph; r++) {
                int start = place_of(n, c, (row * ph + r) * ow + col * pw, images, channels, oh * ow, by_channel);
                for (int s = 0; s < pw; s++) {
                    float z = (x[start + s] + offset) * scale + shift;
                    // The first of the greatest, or the last NaN.
                    if (r + s == 0 || z > best || isnan(z)) {
                        best = z;
                        place = r * pw + s;
                    }
                }
            }
            // NaN is not at most zero, so it passes and will be noticed.
            if (relu && best <= 0.0f) {
                best = 0.0f;
                place = DEAD;
            }
            if (dropout) {
                if (random[col % 4] < threshold) {
                    best = 0.0f;
                    place = DEAD;
                } else {
                    best *= keep;
                }
            }
            int at = ((n * channels + c) * height + row) * width + col;
            y[at] = best;
            codes[at] = (unsigned char)place;
        }
    }
}

// The sums over the batch of each channel's gradients and of their products with the normalized numbers: (channels, chunks, 2).
KERNEL(tail_parts)(const float* g, const unsigned char* codes, const float* x, const float* table, double* parts,
    int images, int channels, int oh, int ow, int by_channel, int height, int width, int ph, int pw, float keep) {
    SHARED double sums[THREADS];
    SHARED double products[THREADS];
    int channel = BLOCK_Y, chunk = BLOCK_X, chunks = GRID_X, pooled = height * width, count = images * pooled;
    int length = (count - 1) / chunks + 1;
    int from = smaller(count, chunk * length), to = smaller(count, from + length);
    EACH_THREAD(t) {
        double sum = 0.0, product = 0.0;
        float offset = table[channel], scale = table[channels + channel];
        int n = (from + t) / pooled, q = (from + t) % pooled;
        for (int i = from + t; i < to; i += THREADS) {
            int at = (n * channels + channel) * pooled + q, code = codes[at];
            if (code != DEAD) {
                int row = q / width, below = DIVIDED(code, pw);
                int p = (row * ph + below) * ow + (q - row * width) * pw + code - below * pw;
                float number = x[place_of(n, channel, p, images, channels, oh * ow, by_channel)];
                float gradient = g[at] * keep;
                sum += gradient;
                product += (double)gradient * ((number + offset) * scale);
            }
            FORTH(n, q, pooled)
        }
        sums[t] = sum;
        products[t] = product;
    }
    ADD_UP(sums)
    ADD_UP(products)
    EACH_THREAD(t) {
        if (t == 0) {
            parts[2 * (channel * chunks + chunk)] = sums[0];
            parts[2 * (channel * chunks + chunk) + 1] = products[0];
        }
    }
}

// From those parts the gradients by batch norm's scale and shift, and the two means of each channel: (2, channels).
KERNEL(tail_sums)(const double* parts, float* by_weight, float* by_shift, float* means, int channels, int chunks, int count) {
    EACH(c, channels) {
        double sum = 0.0, product = 0.0;
        for (int i = 0; i < chunks; i++) {
            sum += parts[2 * (c * chunks + i)];
            product += parts[2 * (c * chunks + i) + 1];
        }
        by_weight[c] = (float)product;
        by_shift[c] = (float)sum;
        means[c] = (float)(sum / count);
        means[channels + c] = (float)(product / count);
    }
}

// The gradient by the tail's input, where it lies as that does. Batch norm's is factor * (g - mean(g) - x' * mean(g x')) with
// x' the normalized number (Ioffe and Szegedy 2015, section 3).
//
// A thread goes through NUMBERS_A_THREAD numbers: what its channel has is read once, and where it is follows from where it was.
KERNEL(tail_back)(const float* g, const unsigned char* codes, const float* x, const float* table, const float* means, float* dx,
    int images, int channels, int oh, int ow, int by_channel, int height, int width, int ph, int pw, float keep, int norm) {
    int pixels = oh * ow, first = BLOCK_X * (NUMBERS_A_THREAD * THREADS);
    int end = smaller(images * channels * pixels, first + NUMBERS_A_THREAD * THREADS);
    EACH_THREAD(t) {
        int plane = (first + t) / pixels, p = (first + t) % pixels, known = -1, before = 0;
        float offset = 0.0f, scale = 0.0f, factor = 0.0f, mean = 0.0f, slope = 0.0f;
        for (int i = first + t; i < end; i += THREADS) {
            if (plane != known) {
                int n = by_channel ? plane % images : plane / channels;
                int c = by_channel ? plane / images : plane % channels;
                known = plane;
                before = (n * channels + c) * height;
                if (norm) {
                    offset = table[c];
                    scale = table[channels + c];
                    factor = table[2 * channels + c];
                    mean = means[c];
                    slope = means[channels + c];
                }
            }
            int above = p / ow, left = p - above * ow, row = DIVIDED(above, ph), col = DIVIDED(left, pw);
            float gradient = 0.0f;
            if (row < height && col < width) {
                int at = (before + row) * width + col;
                if (codes[at] == (above - row * ph) * pw + left - col * pw) gradient = g[at] * keep;
            }
            if (norm) gradient = factor * (gradient - mean - (x[i] + offset) * scale * slope);
            dx[i] = gradient;
            FORTH(plane, p, pixels)
        }
    }
}
