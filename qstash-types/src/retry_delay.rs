//! The expression that says how long to wait before a retry.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// The longest wait between two attempts. An expression that asks for more waits this long.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer texts and deeper nesting are refused; no sensible expression comes near.
const LONGEST_TEXT: usize = 1024;
const DEEPEST_NESTING: u32 = 32;

/// An expression for the wait before a retry, in milliseconds, over the number of retries so far.
///
/// Numbers, the variable `retried` (0 before the first retry), `+ - * /`, parentheses, and the functions `pow(x, y)`,
/// `sqrt(x)`, `abs(x)`, `exp(x)`, `floor(x)`, `ceil(x)`, `round(x)`, `min(a, b, …)` and `max(a, b, …)`.
///
/// ```
/// use std::time::Duration;
/// use qstash_types::RetryDelay;
///
/// let doubling: RetryDelay = "pow(2, retried) * 1000".parse()?;
/// assert_eq!(doubling.delay(3), Duration::from_secs(8));
/// # Ok::<_, qstash_types::InvalidRetryDelay>(())
/// ```
#[derive(Clone)]
pub struct RetryDelay {
    text: Arc<str>,
    steps: Arc<[Step]>,
}

/// One step of the expression in postfix order, so that evaluating needs no recursion.
#[derive(Clone, Copy, Debug)]
enum Step {
    Number(f64),
    Retried,
    Negate,
    Binary(fn(f64, f64) -> f64),
    Unary(fn(f64) -> f64),
}

impl RetryDelay {
    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The wait before the retry that follows `retried` earlier ones, in whole milliseconds.
    ///
    /// A negative or undefined result is no wait at all; a result beyond 24 hours is 24 hours.
    pub fn delay(&self, retried: u32) -> Duration {
        let millis = self.evaluate(f64::from(retried));
        if millis.is_nan() || millis <= 0.0 {
            Duration::ZERO
        } else {
            Duration::try_from_secs_f64((millis / 1000.0).min(LONGEST.as_secs_f64()))
                .map_or(LONGEST, |wait| {
                    Duration::from_millis(wait.as_millis().try_into().unwrap_or(u64::MAX))
                })
        }
    }

    fn evaluate(&self, retried: f64) -> f64 {
        let mut stack = Vec::with_capacity(self.steps.len());
        let pop = |stack: &mut Vec<f64>| stack.pop().expect("the parser wrote an operand for every operator");
        for step in &*self.steps {
            let value = match *step {
                Step::Number(number) => number,
                Step::Retried => retried,
                Step::Negate => -pop(&mut stack),
                Step::Unary(function) => function(pop(&mut stack)),
                Step::Binary(function) => {
                    let right = pop(&mut stack);
                    function(pop(&mut stack), right)
                }
            };
            stack.push(value);
        }
        pop(&mut stack)
    }
}

impl FromStr for RetryDelay {
    type Err = InvalidRetryDelay;

    fn from_str(text: &str) -> Result<Self, InvalidRetryDelay> {
        if text.len() > LONGEST_TEXT {
            return Err(InvalidRetryDelay::TooLong);
        }
        let mut parser = Parser { rest: text, steps: Vec::new(), nesting: 0 };
        parser.sum()?;
        if parser.peek().is_some() {
            return Err(parser.unexpected());
        }
        Ok(Self { text: text.into(), steps: parser.steps.into() })
    }
}

impl fmt::Display for RetryDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RetryDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetryDelay({:?})", &*self.text)
    }
}

impl PartialEq for RetryDelay {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RetryDelay {}

impl TryFrom<&str> for RetryDelay {
    type Error = InvalidRetryDelay;

    fn try_from(text: &str) -> Result<Self, InvalidRetryDelay> {
        text.parse()
    }
}

impl TryFrom<String> for RetryDelay {
    type Error = InvalidRetryDelay;

    fn try_from(text: String) -> Result<Self, InvalidRetryDelay> {
        text.parse()
    }
}

/// Recursive descent over the text; `nesting` bounds the recursion.
struct Parser<'a> {
    rest: &'a str,
    steps: Vec<Step>,
    nesting: u32,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), InvalidRetryDelay> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&mut self) -> InvalidRetryDelay {
        self.peek().map_or(InvalidRetryDelay::UnexpectedEnd, InvalidRetryDelay::Unexpected)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn sum(&mut self) -> Result<(), InvalidRetryDelay> {
        self.product()?;
        loop {
            let operator: fn(f64, f64) -> f64 = match self.peek() {
                Some('+') => |a, b| a + b,
                Some('-') => |a, b| a - b,
                _ => return Ok(()),
            };
            self.rest = &self.rest[1..];
            self.product()?;
            self.steps.push(Step::Binary(operator));
        }
    }

    fn product(&mut self) -> Result<(), InvalidRetryDelay> {
        self.signed()?;
        loop {
            let operator: fn(f64, f64) -> f64 = match self.peek() {
                Some('*') => |a, b| a * b,
                Some('/') => |a, b| a / b,
                _ => return Ok(()),
            };
            self.rest = &self.rest[1..];
            self.signed()?;
            self.steps.push(Step::Binary(operator));
        }
    }

    fn signed(&mut self) -> Result<(), InvalidRetryDelay> {
        self.nesting += 1;
        if self.nesting > DEEPEST_NESTING {
            return Err(InvalidRetryDelay::TooDeep);
        }
        if self.take('-') {
            self.signed()?;
            self.steps.push(Step::Negate);
        } else {
            self.operand()?;
        }
        self.nesting -= 1;
        Ok(())
    }

    fn operand(&mut self) -> Result<(), InvalidRetryDelay> {
        match self.peek() {
            Some('(') => {
                self.expect('(')?;
                self.sum()?;
                self.expect(')')
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let digits = self.take_while(|c| c.is_ascii_digit() || c == '.');
                let number = digits.parse().map_err(|_| InvalidRetryDelay::Number(digits.into()))?;
                self.steps.push(Step::Number(number));
                Ok(())
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
                if name == "retried" {
                    self.steps.push(Step::Retried);
                    Ok(())
                } else {
                    self.call(&name)
                }
            }
            _ => Err(self.unexpected()),
        }
    }

    fn call(&mut self, name: &str) -> Result<(), InvalidRetryDelay> {
        let (least, most, step) = match name {
            "pow" => (2, 2, Step::Binary(f64::powf)),
            "sqrt" => (1, 1, Step::Unary(f64::sqrt)),
            "abs" => (1, 1, Step::Unary(f64::abs)),
            "exp" => (1, 1, Step::Unary(f64::exp)),
            "floor" => (1, 1, Step::Unary(f64::floor)),
            "ceil" => (1, 1, Step::Unary(f64::ceil)),
            "round" => (1, 1, Step::Unary(f64::round)),
            "min" => (2, usize::MAX, Step::Binary(f64::min)),
            "max" => (2, usize::MAX, Step::Binary(f64::max)),
            _ => return Err(InvalidRetryDelay::UnknownName(name.into())),
        };
        self.expect('(')?;
        let mut arguments = 0;
        loop {
            self.sum()?;
            arguments += 1;
            // Folding from the left as the arguments come gives `min` and `max` any number of them.
            if arguments >= least {
                self.steps.push(step);
            }
            if !self.take(',') {
                break;
            }
        }
        self.expect(')')?;
        if (least..=most).contains(&arguments) {
            Ok(())
        } else {
            Err(InvalidRetryDelay::Arguments { function: name.into(), found: arguments })
        }
    }
}

/// A text is not a retry-delay expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRetryDelay {
    /// Longer than 1,024 bytes.
    #[error("the retry-delay expression is longer than {LONGEST_TEXT} bytes")]
    TooLong,
    /// Nested more than 32 levels deep.
    #[error("the retry-delay expression is nested more than {DEEPEST_NESTING} levels deep")]
    TooDeep,
    /// Something is missing at the end.
    #[error("the retry-delay expression ends too early")]
    UnexpectedEnd,
    /// A character in the wrong place.
    #[error("unexpected {0:?} in the retry-delay expression")]
    Unexpected(char),
    /// Digits that are no number.
    #[error("{0:?} in the retry-delay expression is not a number")]
    Number(String),
    /// Neither `retried` nor a function.
    #[error("unknown name {0:?} in the retry-delay expression")]
    UnknownName(String),
    /// A function with too few or too many arguments.
    #[error("{function} in the retry-delay expression cannot take {found} arguments")]
    Arguments {
        /// The function.
        function: String,
        /// How many it was given.
        found: usize,
    },
}
