//! Goals, and whether they are met.

use std::fmt;

/// Median, least and most of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        };
        Self { median, least: values[0], most: values[values.len() - 1] }
    }
}

/// `1.02 [0.97..1.10]`.
impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, most } = self;
        let digits = if *median < 0.1 { 4 } else { 2 };
        write!(out, "{median:.digits$} [{least:.digits$}..{most:.digits$}]")
    }
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It is told, and that is all.
    None,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) against: String,
    /// As people read them: the figures behind the one that is compared.
    pub(crate) figures: String,
    pub(crate) measured: Spread,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

impl Row {
    /// Whether the median is as good as the goal. Without a goal there is nothing to fall short of.
    pub(crate) fn is_met(&self) -> bool {
        self.is_good(self.measured.median)
    }

    /// Whether all rounds say the same of the goal as the median does.
    fn is_sure(&self) -> bool {
        let Spread { least, most, .. } = self.measured;
        [least, most].iter().all(|end| self.is_good(*end) == self.is_met())
    }

    fn is_good(&self, value: f64) -> bool {
        match self.goal {
            Goal::AtMost(most) => value <= most,
            Goal::AtLeast(least) => value >= least,
            Goal::None => true,
        }
    }
}

/// The head of the table that [`Row`]s make, in Markdown.
pub(crate) const HEAD: &str =
    "| what | against | figures | measured | goal | |\n| --- | --- | --- | --- | --- | --- |";

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        let goal = match self.goal {
            Goal::AtMost(most) => format!("≤ {most}{unit}"),
            Goal::AtLeast(least) => format!("≥ {least}{unit}"),
            Goal::None => "–".to_owned(),
        };
        let met = match (self.goal, self.is_met(), self.is_sure()) {
            (Goal::None, _, _) => "",
            (_, true, true) => "met",
            (_, true, false) => "met, but not in every round",
            (_, false, true) => "**not met**",
            (_, false, false) => "**not met**, but in some rounds",
        };
        let Self { what, against, figures, measured, .. } = self;
        write!(out, "| {what} | {against} | {figures} | {measured}{unit} | {goal} | {met} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn a_goal_is_met_where_the_median_is_not_worse() {
        for (goal, met, said) in [
            (Goal::AtMost(9.0), true, "| met |"),
            (Goal::AtMost(2.0), true, "| met, but not in every round |"),
            (Goal::AtMost(1.9), false, "| **not met**, but in some rounds |"),
            (Goal::AtMost(0.9), false, "| **not met** |"),
            (Goal::AtLeast(1.0), true, "| met |"),
            (Goal::AtLeast(2.1), false, "| **not met**, but in some rounds |"),
            (Goal::None, true, "| – |  |"),
        ] {
            let measured = Spread::of(vec![1.0, 2.0, 9.0]);
            let (what, against, figures) = (String::new(), String::new(), String::new());
            let row = Row { what, against, figures, measured, unit: "x", goal };
            assert_eq!(row.is_met(), met, "{goal:?}");
            assert!(row.to_string().ends_with(said), "{row}");
        }
    }
}
