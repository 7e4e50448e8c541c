//! What a store should reply, told without fences and times.

/// What an actor, or time, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// An actor claims the delivery, with a token of its own.
    Claim(usize),
    /// An actor renews the last claim that it was given, even if it has lost it.
    Renew(usize),
    /// An actor finishes under the last claim that it was given, even if it has lost it.
    Finish(usize),
    /// An actor gives the last claim back that it was given, even if it has lost it.
    Release(usize),
    /// Somebody sends the token of an actor with another message id.
    Replay(usize),
    /// The holder crashed or was stopped, and its lease ends.
    EndLease,
    /// The record of the delivery grows too old.
    EndRecord,
}

/// What the store should reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Claimed,
    Busy,
    /// With the answer of this finish, counted from one.
    Done(u8),
    Accepted,
    Refused,
    /// Nothing was asked.
    Nothing,
}

#[derive(Clone)]
pub(crate) struct Model {
    actors: Vec<Actor>,
    /// Whose claim was given out last and not given back.
    holder: Option<usize>,
    /// Whether the lease of the holder runs.
    leased: bool,
    done: Option<u8>,
    finished: u8,
}

#[derive(Clone, Default)]
struct Actor {
    acts: bool,
    claim: Claim,
    token: Option<Under>,
    /// Whether the other message id was claimed.
    other: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Claim {
    #[default]
    None,
    Given,
    /// The record that it was given by is gone.
    Stale,
}

/// What a token came with first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    TheDelivery,
    AnotherId,
}

impl Model {
    pub(crate) fn new(actors: usize) -> Self {
        let actors = vec![Actor::default(); actors];
        Self { actors, holder: None, leased: false, done: None, finished: 0 }
    }

    /// How many finishes there were.
    pub(crate) fn finished(&self) -> u8 {
        self.finished
    }

    pub(crate) fn apply(&mut self, op: Op) -> Expected {
        match op {
            Op::Claim(actor) => self.claim(actor),
            Op::Replay(actor) => {
                let actor = self.act(actor);
                if *actor.token.get_or_insert(Under::AnotherId) == Under::TheDelivery {
                    return Expected::Refused;
                }
                if std::mem::replace(&mut actor.other, true) { Expected::Busy } else { Expected::Claimed }
            }
            Op::Renew(actor) => {
                let holds = self.holds(actor) && self.done.is_none();
                self.leased |= holds;
                accepted(holds)
            }
            Op::Release(actor) => {
                let holds = self.holds(actor) && self.done.is_none();
                if holds {
                    (self.holder, self.leased) = (None, false);
                }
                accepted(holds)
            }
            Op::Finish(actor) => {
                self.finished += 1;
                let holds = self.holds(actor);
                if holds {
                    (self.done, self.leased) = (Some(self.finished), false);
                }
                accepted(holds)
            }
            Op::EndLease => {
                self.leased = false;
                Expected::Nothing
            }
            Op::EndRecord => {
                (self.holder, self.leased, self.done) = (None, false, None);
                for actor in &mut self.actors {
                    if actor.claim == Claim::Given {
                        actor.claim = Claim::Stale;
                    }
                }
                Expected::Nothing
            }
        }
    }

    fn claim(&mut self, actor: usize) -> Expected {
        let under = *self.act(actor).token.get_or_insert(Under::TheDelivery);
        if under == Under::AnotherId {
            return Expected::Refused;
        }
        if let Some(finished) = self.done {
            return Expected::Done(finished);
        }
        if self.leased {
            return Expected::Busy;
        }
        (self.holder, self.leased) = (Some(actor), true);
        for actor in &mut self.actors {
            // A fence that is older than the record may be given out again; nobody is that late.
            if actor.claim == Claim::Stale {
                actor.claim = Claim::None;
            }
        }
        self.actors[actor].claim = Claim::Given;
        Expected::Claimed
    }

    fn holds(&self, actor: usize) -> bool {
        self.holder == Some(actor) && self.actors[actor].claim == Claim::Given
    }

    fn act(&mut self, actor: usize) -> &mut Actor {
        let actor = &mut self.actors[actor];
        actor.acts = true;
        actor
    }

    /// What can happen next. Of actors that have done nothing yet, all are alike, so only the first of them acts.
    fn next_ops(&self) -> Vec<Op> {
        let mut ops = Vec::new();
        for (index, actor) in self.actors.iter().enumerate() {
            ops.push(Op::Claim(index));
            if actor.claim != Claim::None {
                ops.extend([Op::Renew(index), Op::Finish(index), Op::Release(index)]);
            }
            if !actor.other {
                ops.push(Op::Replay(index));
            }
            if !actor.acts {
                break;
            }
        }
        if self.leased {
            ops.push(Op::EndLease);
        }
        if self.holder.is_some() || self.done.is_some() {
            ops.push(Op::EndRecord);
        }
        ops
    }
}

fn accepted(holds: bool) -> Expected {
    if holds { Expected::Accepted } else { Expected::Refused }
}

/// Every order of so many steps, one after the other.
pub(crate) fn orders(actors: usize, depth: usize) -> impl Iterator<Item = Vec<Op>> + Send {
    // What is begun, deepest last: each with the model after it.
    let mut begun = vec![(Vec::new(), Model::new(actors))];
    std::iter::from_fn(move || {
        while let Some((order, model)) = begun.pop() {
            if order.len() == depth {
                return Some(order);
            }
            for op in model.next_ops().into_iter().rev() {
                let mut next = (order.clone(), model.clone());
                next.0.push(op);
                next.1.apply(op);
                begun.push(next);
            }
        }
        None
    })
}
