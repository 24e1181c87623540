
// What each weight of a convolution meets, images `first` to `first` + `images` - 1 of (N, c, h, w): (c * kh * kw, images * oh * ow).
KERNEL(columns)(const float* x, float* columns, int first, int images, int c, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw) {
    int pixels = images * oh * ow;
    EACH(i, c * kh * kw * pixels) {
        int row = i / pixels, pixel = i % pixels;
        int channel = row / (kh * kw), r = row / kw % kh, s = row % kw;
        int image = first + pixel / (oh * ow), o = pixel % (oh * ow);
        int y = o / ow * sh + r - ph, z = o % ow * sw + s - pw;
        int inside = y >= 0 && y < h && z >= 0 && z < w;
        columns[i] = inside ? x[((image * c + channel) * h + y) * w + z] : 0.0f;
    }
}

// The way back of `columns`: each pixel adds up, in a fixed order, what the columns that hold it got.
KERNEL(from_columns)(const float* columns, float* dx, int first, int images, int c, int h, int w, int oh, int ow,
    int kh, int kw, int sh, int sw, int ph, int pw) {
    int pixels = images * oh * ow;
    EACH(i, images * c * h * w) {
        int z = i % w + pw, y = i / w % h + ph;
        int channel = i / (h * w) % c, image = i / (h * w * c);
        float sum = 0.0f;
        for (int r = 0; r < kh; r++) {
            int oy = (y - r) / sh;
            if (y < r || oy * sh != y - r || oy >= oh) continue;
            for (int s = 0; s < kw; s++) {
                int ox = (z - s) / sw;
                if (z < s || ox * sw != z - s || ox >= ow) continue;
                sum += columns[((channel * kh + r) * kw + s) * pixels + (image * oh + oy) * ow + ox];
            }
        }
        dx[first * c * h * w + i] = sum;
    }
}
