//! The expression, written in Rust.

use std::{ops, time::Duration};

/// A part of a [`RetryDelay`](super::RetryDelay): a number, the variable `retried`, or what is computed from them.
///
/// Numbers and `+ - * /` combine with it from both sides; a [`Duration`] stands for its milliseconds, rounded up.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    text: String,
    binding: Binding,
}

/// What holds a term together, the loosest first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Binding {
    Sum,
    Product,
    Operand,
}

impl Term {
    pub(super) fn retried() -> Self {
        Self::operand("retried".to_owned())
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn operand(text: String) -> Self {
        Self { text, binding: Binding::Operand }
    }

    fn call(function: &str, arguments: &[Self]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(Self::text).collect();
        Self::operand(format!("{function}({})", arguments.join(", ")))
    }

    /// This term and another one around an operator, which groups from the left.
    fn join(self, operator: char, right: Self, binding: Binding) -> Self {
        let left = if self.binding < binding { self.enclosed() } else { self.text };
        let right = if right.binding <= binding { right.enclosed() } else { right.text };
        Self { text: format!("{left} {operator} {right}"), binding }
    }

    fn enclosed(self) -> String {
        format!("({})", self.text)
    }

    /// This to the power of another one.
    pub fn pow(self, exponent: impl Into<Self>) -> Self {
        Self::call("pow", &[self, exponent.into()])
    }

    /// The smaller one of the two.
    pub fn min(self, other: impl Into<Self>) -> Self {
        Self::call("min", &[self, other.into()])
    }

    /// The larger one of the two.
    pub fn max(self, other: impl Into<Self>) -> Self {
        Self::call("max", &[self, other.into()])
    }

    /// The square root.
    pub fn sqrt(self) -> Self {
        Self::call("sqrt", &[self])
    }

    /// The value without its sign.
    pub fn abs(self) -> Self {
        Self::call("abs", &[self])
    }

    /// The number e to this power.
    pub fn exp(self) -> Self {
        Self::call("exp", &[self])
    }

    /// The next whole number below.
    pub fn floor(self) -> Self {
        Self::call("floor", &[self])
    }

    /// The next whole number above.
    pub fn ceil(self) -> Self {
        Self::call("ceil", &[self])
    }

    /// The nearest whole number.
    pub fn round(self) -> Self {
        Self::call("round", &[self])
    }
}

impl From<u32> for Term {
    fn from(number: u32) -> Self {
        Self::operand(number.to_string())
    }
}

impl From<f64> for Term {
    fn from(number: f64) -> Self {
        if number.is_sign_negative() {
            // Not every version of the grammar has signs.
            Self::from(0).join('-', Self::from(number.abs()), Binding::Sum)
        } else {
            Self::operand(number.to_string())
        }
    }
}

/// Milliseconds, rounded up.
impl From<Duration> for Term {
    fn from(duration: Duration) -> Self {
        Self::operand(duration.as_nanos().div_ceil(1_000_000).to_string())
    }
}

macro_rules! operators {
    ($($operator:ident, $method:ident, $symbol:literal, $binding:ident;)+) => {$(
        impl<T: Into<Self>> ops::$operator<T> for Term {
            type Output = Self;

            fn $method(self, right: T) -> Self {
                self.join($symbol, right.into(), Binding::$binding)
            }
        }

        operators!(from the left: $operator, $method, u32, f64, Duration);
    )+};
    (from the left: $operator:ident, $method:ident, $($number:ident),+) => {$(
        impl ops::$operator<Term> for $number {
            type Output = Term;

            fn $method(self, right: Term) -> Term {
                ops::$operator::$method(Term::from(self), right)
            }
        }
    )+};
}

operators! {
    Add, add, '+', Sum;
    Sub, sub, '-', Sum;
    Mul, mul, '*', Product;
    Div, div, '/', Product;
}
