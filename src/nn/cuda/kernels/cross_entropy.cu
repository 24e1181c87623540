
// Loss, prediction, confidence and share of the objective of each image, (images, 4), and the objective's gradient by the
// logits, (images, classes). `targets` holds of each image its class, the one it is mixed with and both shares, then the
// weight of each class. A block works on an image.
KERNEL(cross_entropy)(const float* logits, const double* targets, double* results, float* gradient,
    int images, int classes, double smoothing, double all_spread, double all_weights) {
    SHARED int best[THREADS];
    SHARED double sums[THREADS];
    SHARED double spreads[THREADS];
    int image = BLOCK_X;
    const float* row = logits + image * classes;
    const double* target = targets + 4 * image;
    const double* weights = targets + 4 * images;
    EACH_THREAD(t) {
        int own = -1;
        for (int i = t; i < classes; i += THREADS) {
            if (own < 0 || row[i] > row[own]) own = i;
        }
        best[t] = own;
    }
    for (int half = THREADS / 2; half > 0; half /= 2) {
        EACH_THREAD(t) {
            if (t < half && best[t + half] >= 0) {
                int a = best[t], b = best[t + half];
                // The first of equal ones.
                if (row[b] > row[a] || (row[b] == row[a] && b < a)) best[t] = b;
            }
        }
    }
    EACH_THREAD(t) {
        double sum = 0.0, greatest = row[best[0]];
        for (int i = t; i < classes; i += THREADS) sum += exp(row[i] - greatest);
        sums[t] = sum;
    }
    ADD_UP(sums)
    EACH_THREAD(t) {
        double log_sum = row[best[0]] + log(sums[0]), spread = 0.0;
        int one = (int)target[0], other = (int)target[1];
        double own = target[2] > 0.0 ? target[2] * (1.0 - smoothing) * weights[one] : 0.0;
        double mixed = target[3] > 0.0 ? target[3] * (1.0 - smoothing) * weights[other] : 0.0;
        for (int i = t; i < classes; i += THREADS) {
            double even = smoothing / classes * weights[i];
            if (smoothing > 0.0) spread += even * (log_sum - row[i]);
            double wanted = even + (i == one ? own : 0.0) + (i == other ? mixed : 0.0);
            double given = (own + mixed + all_spread) * exp(row[i] - log_sum);
            gradient[image * classes + i] = (float)((given - wanted) / all_weights);
        }
        spreads[t] = spread;
    }
    ADD_UP(spreads)
    EACH_THREAD(t) {
        if (t == 0) {
            double log_sum = row[best[0]] + log(sums[0]);
            int one = (int)target[0], other = (int)target[1];
            double own = target[2] > 0.0 ? target[2] * (log_sum - row[one]) : 0.0;
            double mixed = target[3] > 0.0 ? target[3] * (log_sum - row[other]) : 0.0;
            results[4 * image] = own + mixed;
            results[4 * image + 1] = best[0];
            results[4 * image + 2] = exp(row[best[0]] - log_sum);
            results[4 * image + 3] = (1.0 - smoothing) * (own * weights[one] + mixed * weights[other]) + spreads[0];
        }
    }
}
