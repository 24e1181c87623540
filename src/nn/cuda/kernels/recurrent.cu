
// A cell's few numbers are worked on in float64: a step's time goes into starting it.
DEVICE double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

// One step of an LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000), gates in the order i, f, g, o: `gates`, (images,
// steps, 4 * hidden), come at step t as what the input gives and leave as activations; `recurrent`, (images, 4 * hidden), is
// what the state gives. `before` is the step before, t itself where there is none.
KERNEL(lstm_cell)(float* gates, const float* recurrent, const float* bias, float* cells, float* output, float* state,
    int images, int steps, int hidden, int t, int before) {
    EACH(i, images * hidden) {
        int image = i / hidden, h = i % hidden, at = (image * steps + t) * hidden + h;
        float* own = gates + (image * steps + t) * 4 * hidden + h;
        const float* given = recurrent + image * 4 * hidden + h;
        double in = sigmoid((double)own[0] + given[0] + bias[h]);
        double forget = sigmoid((double)own[hidden] + given[hidden] + bias[hidden + h]);
        double cell = tanh((double)own[2 * hidden] + given[2 * hidden] + bias[2 * hidden + h]);
        double out = sigmoid((double)own[3 * hidden] + given[3 * hidden] + bias[3 * hidden + h]);
        double old = before == t ? 0.0 : cells[(image * steps + before) * hidden + h];
        own[0] = (float)in;
        own[hidden] = (float)forget;
        own[2 * hidden] = (float)cell;
        own[3 * hidden] = (float)out;
        double now = forget * old + in * cell;
        cells[at] = (float)now;
        output[at] = (float)(out * tanh(now));
        state[i] = output[at];
    }
}

// One step back: `gates` leave as the gradients by the gates' sums, and once more in `d_gates`, (images, 4 * hidden);
// `d_state` and `d_cell` are what the step after gives, and `d_cell` leaves as what the step before gets.
KERNEL(lstm_cell_back)(float* gates, const float* cells, const float* g, const float* d_state, float* d_cell, float* d_gates,
    int images, int steps, int hidden, int t, int before) {
    EACH(i, images * hidden) {
        int image = i / hidden, h = i % hidden, at = (image * steps + t) * hidden + h;
        float* own = gates + (image * steps + t) * 4 * hidden + h;
        float* copy = d_gates + image * 4 * hidden + h;
        double in = own[0], forget = own[hidden], cell = own[2 * hidden], out = own[3 * hidden];
        double old = before == t ? 0.0 : cells[(image * steps + before) * hidden + h];
        double bent = tanh((double)cells[at]), dh = (double)g[at] + d_state[i];
        double dc = d_cell[i] + dh * out * (1.0 - bent * bent);
        d_cell[i] = (float)(dc * forget);
        copy[0] = own[0] = (float)(dc * cell * in * (1.0 - in));
        copy[hidden] = own[hidden] = (float)(dc * old * forget * (1.0 - forget));
        copy[2 * hidden] = own[2 * hidden] = (float)(dc * in * (1.0 - cell * cell));
        copy[3 * hidden] = own[3 * hidden] = (float)(dh * bent * out * (1.0 - out));
    }
}

// One step of a GRU (Cho et al. 2014), gates in the order r, z, n, as `lstm_cell`; `shares`, (images, steps, hidden), gets
// what the state gives to n before r scales it, and `state` leaves as the new one.
KERNEL(gru_cell)(float* gates, const float* recurrent, const float* bias_ih, const float* bias_hh, float* shares, float* output,
    float* state, int images, int steps, int hidden, int t) {
    EACH(i, images * hidden) {
        int image = i / hidden, h = i % hidden, at = (image * steps + t) * hidden + h;
        float* own = gates + (image * steps + t) * 3 * hidden + h;
        const float* given = recurrent + image * 3 * hidden + h;
        double share = (double)given[2 * hidden] + bias_hh[2 * hidden + h];
        double r = sigmoid((double)own[0] + bias_ih[h] + given[0] + bias_hh[h]);
        double z = sigmoid((double)own[hidden] + bias_ih[hidden + h] + given[hidden] + bias_hh[hidden + h]);
        double n = tanh((double)own[2 * hidden] + bias_ih[2 * hidden + h] + r * share);
        own[0] = (float)r;
        own[hidden] = (float)z;
        own[2 * hidden] = (float)n;
        shares[at] = (float)share;
        state[i] = (float)((1.0 - z) * n + z * state[i]);
        output[at] = state[i];
    }
}

// One step back: `gates` leave as the gradients by what the input gives, `by_state` and `d_gates` get those by what the
// state gives; `states` are those before each step, `through` what the step after gives through its gates, and `d_state`
// what it gives past them.
KERNEL(gru_cell_back)(float* gates, float* by_state, const float* shares, const float* states, const float* g, const float* through,
    float* d_state, float* d_gates, int images, int steps, int hidden, int t) {
    EACH(i, images * hidden) {
        int image = i / hidden, h = i % hidden, at = (image * steps + t) * hidden + h;
        float* own = gates + (image * steps + t) * 3 * hidden + h;
        float* other = by_state + (image * steps + t) * 3 * hidden + h;
        float* copy = d_gates + image * 3 * hidden + h;
        double r = own[0], z = own[hidden], n = own[2 * hidden];
        double dh = (double)g[at] + d_state[i] + through[i];
        double dn = dh * (1.0 - z) * (1.0 - n * n);
        d_state[i] = (float)(dh * z);
        copy[0] = other[0] = own[0] = (float)(dn * shares[at] * r * (1.0 - r));
        copy[hidden] = other[hidden] = own[hidden] = (float)(dh * (states[at] - n) * z * (1.0 - z));
        copy[2 * hidden] = other[2 * hidden] = (float)(dn * r);
        own[2 * hidden] = (float)dn;
    }
}

// The state before each step, (images, steps, hidden); zero before the first.
KERNEL(states_before)(const float* output, float* states, int n, int steps, int hidden, int reverse) {
    EACH(i, n) {
        int t = i / hidden % steps, first = reverse ? steps - 1 : 0;
        states[i] = t == first ? 0.0f : output[reverse ? i + hidden : i - hidden];
    }
}
