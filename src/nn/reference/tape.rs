//! Numbers in float64 that remember how they came about, so that a plain formula gives its gradient too.

use std::cell::{Cell, RefCell};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What the numbers of one computation remember: of each, the two it was made of and its derivative by them.
pub struct Tape {
    origins: RefCell<Vec<[(u32, f64); 2]>>,
    /// The least difference that a maximum or a ReLU decided by.
    margin: Cell<f64>,
}

/// A number of a computation; one made by [`Number::from`] is a constant and has no gradient.
#[derive(Clone, Copy)]
pub struct Number<'t> {
    pub value: f64,
    origin: Option<(&'t Tape, u32)>,
}

impl Tape {
    pub fn new() -> Tape {
        Tape {
            origins: RefCell::default(),
            margin: Cell::new(f64::INFINITY),
        }
    }

    /// A number that gradients are asked for.
    pub fn variable(&self, value: f64) -> Number<'_> {
        self.push(value, [(0, 0.0); 2])
    }

    fn push(&self, value: f64, origin: [(u32, f64); 2]) -> Number<'_> {
        let mut origins = self.origins.borrow_mut();
        origins.push(origin);
        Number {
            value,
            origin: Some((self, origins.len() as u32 - 1)),
        }
    }

    fn decided_by(&self, difference: f64) {
        self.margin.set(self.margin.get().min(difference.abs()));
    }

    /// How far the inputs may move at most before a maximum or a ReLU changes over.
    pub fn margin(&self) -> f64 {
        self.margin.get()
    }

    /// The derivative of `of` by every number of the tape, in the order of their making.
    pub fn gradient(&self, of: Number) -> Vec<f64> {
        let origins = self.origins.borrow();
        let mut gradient = vec![0.0; origins.len()];
        if let Some((_, place)) = of.origin {
            gradient[place as usize] = 1.0;
        }
        for place in (0..origins.len()).rev() {
            for (from, derivative) in origins[place] {
                gradient[from as usize] += gradient[place] * derivative;
            }
        }
        gradient
    }
}

impl From<f64> for Number<'_> {
    fn from(value: f64) -> Self {
        Number {
            value,
            origin: None,
        }
    }
}

impl<'t> Number<'t> {
    /// A number made of `self` and `other` with its derivatives by them.
    fn with(self, other: Number<'t>, value: f64, by_self: f64, by_other: f64) -> Number<'t> {
        let part =
            |number: Number, derivative| number.origin.map_or((0, 0.0), |(_, at)| (at, derivative));
        match self.origin.or(other.origin) {
            Some((tape, _)) => tape.push(value, [part(self, by_self), part(other, by_other)]),
            None => Number::from(value),
        }
    }

    fn alone(self, value: f64, derivative: f64) -> Number<'t> {
        self.with(Number::from(0.0), value, derivative, 0.0)
    }

    pub fn exp(self) -> Self {
        self.alone(self.value.exp(), self.value.exp())
    }

    pub fn ln(self) -> Self {
        self.alone(self.value.ln(), 1.0 / self.value)
    }

    pub fn sqrt(self) -> Self {
        self.alone(self.value.sqrt(), 0.5 / self.value.sqrt())
    }

    pub fn tanh(self) -> Self {
        self.alone(self.value.tanh(), 1.0 - self.value.tanh().powi(2))
    }

    /// The error function.
    pub fn erf(self) -> Self {
        let slope = std::f64::consts::FRAC_2_SQRT_PI * (-self.value * self.value).exp();
        self.alone(libm::erf(self.value), slope)
    }

    /// max(x, 0).
    pub fn relu(self) -> Self {
        if let Some((tape, _)) = self.origin {
            tape.decided_by(self.value);
        }
        if self.value > 0.0 {
            self
        } else {
            Number::from(0.0)
        }
    }

    /// The greatest of some numbers.
    pub fn maximum(numbers: impl Iterator<Item = Self>) -> Self {
        let greater = |a: Self, b: Self| {
            // Two constants, such as what ReLU has cut off, may well be equal.
            if let Some((tape, _)) = a.origin.or(b.origin) {
                tape.decided_by(a.value - b.value);
            }
            if b.value > a.value { b } else { a }
        };
        numbers.reduce(greater).expect("at least one number")
    }

    pub fn sum(numbers: impl Iterator<Item = Self>) -> Self {
        numbers.fold(Number::from(0.0), |sum, x| sum + x)
    }
}

impl Add for Number<'_> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, self.value + other.value, 1.0, 1.0)
    }
}

impl Sub for Number<'_> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, self.value - other.value, 1.0, -1.0)
    }
}

impl Mul for Number<'_> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.with(other, self.value * other.value, other.value, self.value)
    }
}

impl Div for Number<'_> {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        self.with(other, value, 1.0 / other.value, -value / other.value)
    }
}

impl Neg for Number<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        self.alone(-self.value, -1.0)
    }
}
