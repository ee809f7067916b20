//! What `docs/refresh.md` says about the public vectors: its table is read here, so that it cannot be wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Checked;

/// The heading over the table.
const HEADING: &str = "## Differences from the AWS behaviour";

/// How a cell says that a policy differs.
const DIFFERS: &str = "differs";

/// The numbers of the vectors that come out differently under the policy.
pub(crate) fn documented(policy: &str) -> Checked<BTreeSet<u32>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refresh.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (_, section) = text.split_once(HEADING).ok_or_else(|| format!("no heading {HEADING:?}"))?;
    let section = section.split("\n## ").next().unwrap_or(section);
    let mut rows = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let header = rows.next().ok_or("there is no table")?;
    let column = header.iter().position(|cell| cell.trim_matches('`') == policy);
    let column = column.ok_or_else(|| format!("no column for {policy}"))?;
    let mut numbers = BTreeSet::new();
    for row in rows.skip(1).filter(|row| row.get(column) == Some(&DIFFERS)) {
        for number in row.first().copied().unwrap_or_default().split(", ") {
            let number = number.parse().map_err(|_| format!("{number:?} is no vector"))?;
            if !numbers.insert(number) {
                return Err(format!("vector {number} is listed twice"));
            }
        }
    }
    Ok(numbers)
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}
