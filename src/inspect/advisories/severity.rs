//! How bad a vulnerability is.

/// From what nobody minds to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    /// Debian does not count it as a security problem.
    Unimportant,
    /// It is low.
    Low,
    /// It is medium, or nobody has said yet.
    Medium,
    /// It is high.
    High,
    /// It is critical.
    Critical,
}

impl Rating {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unimportant => "unimportant",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From a word of Debian's, Ubuntu's or GitHub's.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        match word.to_lowercase().trim_end_matches('*') {
            "unimportant" | "negligible" | "end-of-life" => Some(Self::Unimportant),
            "low" => Some(Self::Low),
            "medium" | "moderate" => Some(Self::Medium),
            "high" | "important" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }

    /// From a vector of CVSS 3, by its base score (CVSS v3.1 Specification, 7.1).
    pub(super) fn of_vector(vector: &str) -> Option<Self> {
        let metric = |name: &str| {
            let mut parts = vector.strip_prefix("CVSS:3")?.split('/');
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix(':'))
        };
        let changed = metric("S")? == "C";
        let impact = |name| {
            Some(match metric(name)? {
                "H" => 0.56,
                "L" => 0.22,
                _ => 0.0,
            })
        };
        let vector = match metric("AV")? {
            "N" => 0.85,
            "A" => 0.62,
            "L" => 0.55,
            _ => 0.2,
        };
        let complexity = if metric("AC")? == "L" { 0.77 } else { 0.44 };
        let privileges = match (metric("PR")?, changed) {
            ("N", _) => 0.85,
            ("L", false) => 0.62,
            ("L", true) => 0.68,
            (_, false) => 0.27,
            (_, true) => 0.5,
        };
        let interaction = if metric("UI")? == "N" { 0.85 } else { 0.62 };
        let base: f64 = 1.0 - (1.0 - impact("C")?) * (1.0 - impact("I")?) * (1.0 - impact("A")?);
        let impact =
            if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base };
        let exploitability = 8.22 * vector * complexity * privileges * interaction;
        let sum = (impact + exploitability) * if changed { 1.08 } else { 1.0 };
        Some(Self::of_score(if impact <= 0.0 { 0.0 } else { (sum.min(10.0) * 10.0 - 1e-9).ceil() / 10.0 }))
    }

    /// The qualitative rating of a score (section 5).
    fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            score if score > 0.0 => Self::Low,
            _ => Self::Unimportant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_ratings_of_the_nvd() {
        for (vector, severity) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Rating::Critical),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Rating::High),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Rating::Medium),
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Rating::High),
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Rating::Low),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Rating::Unimportant),
        ] {
            assert_eq!(Rating::of_vector(vector), Some(severity), "{vector}");
        }
        assert_eq!(Rating::of_vector("CVSS:4.0/AV:N"), None);
    }
}
