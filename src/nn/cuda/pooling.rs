//! Max- and average-pooling over windows and to a given size.

use super::On;
use super::launch::{Launch, empty, floats};
use crate::nn::window::Windows;
use crate::nn::{AdaptivePool, AvgPool, Backward, Gradients, MaxPool, Mode, Operation, Pooling};
use candle_core::{DType, Result, Tensor};

type Output = Result<(Tensor, Option<Box<dyn Backward>>)>;

/// What is done with a window, and which windows there are.
struct Pool {
    pooling: Pooling,
    /// None: those that divide the image evenly.
    windows: Option<Windows>,
    out: (usize, usize),
    /// Whether the padding's zeros count in a mean.
    with_padding: bool,
    /// The input's.
    shape: (usize, usize, usize, usize),
}

impl Pool {
    fn windows(pooling: Pooling, windows: Windows, with_padding: bool, x: &Tensor) -> Result<Pool> {
        let shape = x.dims4()?;
        Ok(Pool {
            pooling,
            out: windows.fit(shape.2, shape.3),
            windows: Some(windows),
            with_padding,
            shape,
        })
    }

    /// The launch with the sizes that all pooling kernels take.
    fn give<'a>(&self, launch: Launch<'a>) -> Launch<'a> {
        let (n, c, h, w) = self.shape;
        let windows = match &self.windows {
            Some(Windows {
                kernel: k,
                stride: s,
                padding: p,
            }) => [k.height, k.width, s.height, s.width, p.height, p.width],
            None => [0; 6],
        };
        let launch = launch
            .ints([n * c, h, w, self.out.0, self.out.1])
            .ints(windows);
        match self.pooling {
            Pooling::Maximum => launch,
            Pooling::Average => launch.int(usize::from(self.with_padding)),
        }
    }

    fn forward(self, x: &Tensor, mode: Mode) -> Output {
        let (n, c, ..) = self.shape;
        let shape = (n, c, self.out.0, self.out.1);
        let y = floats(shape, x.device())?;
        let mut places = None;
        match self.pooling {
            Pooling::Maximum => {
                let place = empty(shape, DType::U32, x.device())?;
                let launch = Launch::each("max_pool", y.elem_count());
                self.give(launch.read(x).write(&y).write(&place)).run()?;
                places = Some(place);
            }
            Pooling::Average => {
                let launch = Launch::each("average_pool", y.elem_count());
                self.give(launch.read(x).write(&y)).run()?;
            }
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back { pool: self, places })),
            Mode::Eval => None,
        };
        Ok((y, back))
    }
}

struct Back {
    pool: Pool,
    /// The place of each maximum in its plane; none of means.
    places: Option<Tensor>,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let dx = floats(self.pool.shape, gradient.device())?;
        let launch = match &self.places {
            Some(places) => Launch::each("max_pool_back", dx.elem_count())
                .read(gradient)
                .read(places)
                .write(&dx),
            None => Launch::each("average_pool_back", dx.elem_count())
                .read(gradient)
                .write(&dx),
        };
        self.pool.give(launch).run()?;
        Ok(Gradients::of_input(Some(dx)))
    }
}

impl Operation for On<MaxPool> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let MaxPool {
            kernel,
            stride,
            padding,
        } = self.0;
        let windows = Windows {
            kernel,
            stride,
            padding,
        };
        Pool::windows(Pooling::Maximum, windows, false, input)?.forward(input, mode)
    }
}

impl Operation for On<AvgPool> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let AvgPool {
            kernel,
            stride,
            padding,
            count_include_pad,
        } = self.0;
        let windows = Windows {
            kernel,
            stride,
            padding,
        };
        Pool::windows(Pooling::Average, windows, count_include_pad, input)?.forward(input, mode)
    }
}

impl Operation for On<AdaptivePool> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let pool = Pool {
            pooling: self.0.pooling,
            windows: None,
            out: (self.0.height, self.0.width),
            with_padding: false,
            shape: input.dims4()?,
        };
        pool.forward(input, mode)
    }
}
