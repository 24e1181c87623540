
DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// One step of an LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000), gates in the order i, f, g, o: `gates`, (images,
// steps, 4 * hidden), come at step t as what the input gives and leave as activations; `recurrent`, (images, 4 * hidden), is
// what the state gives. `before` is the step before, t itself where there is none.
KERNEL(lstm_cell)(float* gates, const float* recurrent, const float* bias, float* cells, float* output, float* state,
    int images, int steps, int hidden, int t, int before) {
    EACH(i, images * hidden) {
        int image = i / hidden, h = i % hidden, at = (image * steps + t) * hidden + h;
        float* own = gates + (image * steps + t) * 4 * hidden + h;
        const float* given = recurrent + image * 4 * hidden + h;
        float in = sigmoid(own[0] + given[0] + bias[h]);
        float forget = sigmoid(own[hidden] + given[hidden] + bias[hidden + h]);
        float cell = tanhf(own[2 * hidden] + given[2 * hidden] + bias[2 * hidden + h]);
        float out = sigmoid(own[3 * hidden] + given[3 * hidden] + bias[3 * hidden + h]);
        float old = before == t ? 0.0f : cells[(image * steps + before) * hidden + h];
        own[0] = in;
        own[hidden] = forget;
        own[2 * hidden] = cell;
        own[3 * hidden] = out;
        cells[at] = forget * old + in * cell;
        output[at] = out * tanhf(cells[at]);
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
        float in = own[0], forget = own[hidden], cell = own[2 * hidden], out = own[3 * hidden];
        float old = before == t ? 0.0f : cells[(image * steps + before) * hidden + h];
        float bent = tanhf(cells[at]), dh = g[at] + d_state[i];
        float dc = d_cell[i] + dh * out * (1.0f - bent * bent);
        d_cell[i] = dc * forget;
        copy[0] = own[0] = dc * cell * in * (1.0f - in);
        copy[hidden] = own[hidden] = dc * old * forget * (1.0f - forget);
        copy[2 * hidden] = own[2 * hidden] = dc * in * (1.0f - cell * cell);
        copy[3 * hidden] = own[3 * hidden] = dh * bent * out * (1.0f - out);
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
        float share = given[2 * hidden] + bias_hh[2 * hidden + h];
        float r = sigmoid(own[0] + bias_ih[h] + given[0] + bias_hh[h]);
        float z = sigmoid(own[hidden] + bias_ih[hidden + h] + given[hidden] + bias_hh[hidden + h]);
        float n = tanhf(own[2 * hidden] + bias_ih[2 * hidden + h] + r * share);
        own[0] = r;
        own[hidden] = z;
        own[2 * hidden] = n;
        shares[at] = share;
        state[i] = (1.0f - z) * n + z * state[i];
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
        float r = own[0], z = own[hidden], n = own[2 * hidden];
        float dh = g[at] + d_state[i] + through[i];
        float dn = dh * (1.0f - z) * (1.0f - n * n);
        d_state[i] = dh * z;
        copy[0] = other[0] = own[0] = dn * shares[at] * r * (1.0f - r);
        copy[hidden] = other[hidden] = own[hidden] = dh * (states[at] - n) * z * (1.0f - z);
        copy[2 * hidden] = other[2 * hidden] = dn * r;
        own[2 * hidden] = dn;
    }
}

// The state before each step, (images, steps, hidden); zero before the first.
KERNEL(states_before)(const float* output, float* states, int n, int steps, int hidden, int reverse) {
    EACH(i, n) {
        int t = i / hidden % steps, first = reverse ? steps - 1 : 0;
        states[i] = t == first ? 0.0f : output[reverse ? i + hidden : i - hidden];
    }
}
