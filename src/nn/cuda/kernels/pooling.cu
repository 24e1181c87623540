
// Windows along one axis of n pixels: a kernel, a stride and a padding, or, where the kernel is 0, `out` of them that divide
// the axis as PyTorch's adaptive pools do: window o spans floor(o * n / out) to ceil((o + 1) * n / out).
DEVICE int window_first(int o, int n, int out, int kernel, int stride, int padding) {
    return kernel ? larger(o * stride - padding, 0) : (int)((long long)o * n / out);
}
DEVICE int window_end(int o, int n, int out, int kernel, int stride, int padding) {
    return kernel ? smaller(o * stride - padding + kernel, n) : (int)(((long long)(o + 1) * n + out - 1) / out);
}

// The first and the last window that pixel i is in.
DEVICE int first_window(int i, int n, int out, int kernel, int stride, int padding) {
    int before = i + padding - kernel;
    return kernel ? (before < 0 ? 0 : before / stride + 1) : (int)((long long)i * out / n);
}
DEVICE int last_window(int i, int n, int out, int kernel, int stride, int padding) {
    return kernel ? smaller((i + padding) / stride, out - 1) : (int)(((long long)(i + 1) * out + n - 1) / n) - 1;
}

// The maximum over each window of (planes, h, w), and its place in its plane: the first of the greatest, or the last NaN.
KERNEL(max_pool)(const float* x, float* y, unsigned* places, int planes, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw) {
    EACH(i, planes * oh * ow) {
        const float* plane = x + i / (oh * ow) * h * w;
        int oy = i / ow % oh, ox = i % ow, best = -1;
        for (int r = window_first(oy, h, oh, kh, sh, ph); r < window_end(oy, h, oh, kh, sh, ph); r++) {
            for (int s = window_first(ox, w, ow, kw, sw, pw); s < window_end(ox, w, ow, kw, sw, pw); s++) {
                float number = plane[r * w + s];
                if (best < 0 || number > plane[best] || isnan(number)) best = r * w + s;
            }
        }
        best = larger(best, 0);
        places[i] = (unsigned)best;
        y[i] = plane[best];
    }
}

// Each pixel adds up the gradients of the windows that it is the maximum of.
KERNEL(max_pool_back)(const float* g, const unsigned* places, float* dx, int planes, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw) {
    EACH(i, planes * h * w) {
        int row = i / w % h, col = i % w, plane = i / (h * w);
        float sum = 0.0f;
        for (int oy = first_window(row, h, oh, kh, sh, ph); oy <= last_window(row, h, oh, kh, sh, ph); oy++) {
            for (int ox = first_window(col, w, ow, kw, sw, pw); ox <= last_window(col, w, ow, kw, sw, pw); ox++) {
                int at = (plane * oh + oy) * ow + ox;
                if (places[at] == (unsigned)(row * w + col)) sum += g[at];
            }
        }
        dx[i] = sum;
    }
}

// The mean over each window of (planes, h, w): of the pixels in it, or with the padding's zeros.
KERNEL(average_pool)(const float* x, float* y, int planes, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw, int with_padding) {
    EACH(i, planes * oh * ow) {
        const float* plane = x + i / (oh * ow) * h * w;
        int oy = i / ow % oh, ox = i % ow;
        int top = window_first(oy, h, oh, kh, sh, ph), bottom = window_end(oy, h, oh, kh, sh, ph);
        int left = window_first(ox, w, ow, kw, sw, pw), right = window_end(ox, w, ow, kw, sw, pw);
        double sum = 0.0;
        for (int r = top; r < bottom; r++) {
            for (int s = left; s < right; s++) sum += plane[r * w + s];
        }
        y[i] = (float)(sum / (with_padding ? kh * kw : (bottom - top) * (right - left)));
    }
}

// Each pixel adds up its share of the windows that it is in.
KERNEL(average_pool_back)(const float* g, float* dx, int planes, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw, int with_padding) {
    EACH(i, planes * h * w) {
        int row = i / w % h, col = i % w, plane = i / (h * w);
        float sum = 0.0f;
        for (int oy = first_window(row, h, oh, kh, sh, ph); oy <= last_window(row, h, oh, kh, sh, ph); oy++) {
            int rows = window_end(oy, h, oh, kh, sh, ph) - window_first(oy, h, oh, kh, sh, ph);
            for (int ox = first_window(col, w, ow, kw, sw, pw); ox <= last_window(col, w, ow, kw, sw, pw); ox++) {
                int cols = window_end(ox, w, ow, kw, sw, pw) - window_first(ox, w, ow, kw, sw, pw);
                sum += g[(plane * oh + oy) * ow + ox] / (float)(with_padding ? kh * kw : rows * cols);
            }
        }
        dx[i] = sum;
    }
}
