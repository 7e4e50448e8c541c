//! The expression that says how long to wait before a retry.

mod parser;
mod term;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

pub use term::Term;

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
///
/// It can be written in Rust as well, see [`from_fn`](Self::from_fn). A [`Duration`] is the same wait before every
/// retry, and the default is the backoff of messages that bring no expression:
///
/// ```
/// # use qstash_types::RetryDelay;
/// let waits: Vec<u64> = RetryDelay::default().delays(6).map(|wait| wait.as_secs()).collect();
/// assert_eq!(waits, [12, 148, 1808, 22_026, 86_400, 86_400]);
/// ```
#[derive(Clone)]
pub struct RetryDelay(Arc<Expression>);

struct Expression {
    text: Box<str>,
    instructions: Box<[Instruction]>,
}

/// One instruction of the expression in postfix order, so that evaluating needs no recursion.
#[derive(Clone, Copy, Debug)]
enum Instruction {
    Number(f64),
    Retried,
    Negate,
    Binary(fn(f64, f64) -> f64),
    Unary(fn(f64) -> f64),
}

impl RetryDelay {
    /// The expression that a function of the number of retries so far computes, in milliseconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use qstash_types::{RetryDelay, Term};
    ///
    /// let doubling = RetryDelay::from_fn(|retried| (Term::from(2).pow(retried) * 1000).min(Duration::from_secs(60)))?;
    /// assert_eq!(doubling.as_str(), "min(pow(2, retried) * 1000, 60000)");
    /// # Ok::<_, qstash_types::InvalidRetryDelay>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An expression that is too long or too deep is refused, and so is a number that is not finite.
    pub fn from_fn(delay: impl FnOnce(Term) -> Term) -> Result<Self, InvalidRetryDelay> {
        delay(Term::retried()).text().parse()
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The wait before the retry that follows `retried` earlier ones, in whole milliseconds.
    ///
    /// A negative or undefined result means no wait; a result beyond 24 hours is 24 hours.
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

    /// The waits before each of so many retries, in order.
    pub fn delays(&self, retries: u32) -> impl Iterator<Item = Duration> + use<'_> {
        (0..retries).map(|retried| self.delay(retried))
    }

    fn evaluate(&self, retried: f64) -> f64 {
        let mut stack = Vec::with_capacity(self.0.instructions.len());
        let pop = |stack: &mut Vec<f64>| stack.pop().expect("the parser wrote an operand for every operator");
        for step in &*self.0.instructions {
            let value = match *step {
                Instruction::Number(number) => number,
                Instruction::Retried => retried,
                Instruction::Negate => -pop(&mut stack),
                Instruction::Unary(function) => function(pop(&mut stack)),
                Instruction::Binary(function) => {
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
        let instructions = parser::instructions(text)?.into();
        Ok(Self(Arc::new(Expression { text: text.into(), instructions })))
    }
}

/// The backoff of messages that bring no expression: 12 seconds, 2½ minutes, half an hour, 6 hours, then a day.
impl Default for RetryDelay {
    fn default() -> Self {
        "min(86400000, exp(2.5 * (1 + retried)) * 1000)".parse().expect("it follows the grammar")
    }
}

/// The same wait before every retry, in whole milliseconds, rounded up.
impl From<Duration> for RetryDelay {
    fn from(wait: Duration) -> Self {
        Term::from(wait).text().parse().expect("it is a number")
    }
}

impl fmt::Display for RetryDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for RetryDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetryDelay({:?})", &*self.0.text)
    }
}

impl PartialEq for RetryDelay {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
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

impl TryFrom<&String> for RetryDelay {
    type Error = InvalidRetryDelay;

    fn try_from(text: &String) -> Result<Self, InvalidRetryDelay> {
        text.parse()
    }
}

/// A text is not a retry-delay expression.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
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
    /// Digits that do not make a number.
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
