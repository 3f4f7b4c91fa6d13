//! A unified diff of a text whose changed ranges are known.

use std::ops::Range;

/// Lines shown around a change.
const AROUND: usize = 3;

/// A run of old lines that became new lines.
struct Change<'t> {
    old: Range<usize>,
    new: Vec<&'t str>,
}

/// The difference as `diff -u` shows it.
pub fn unified<'e>(name: &str, old: &str, edits: impl Iterator<Item = (Range<usize>, &'e str)>) -> String {
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let mut starts = vec![0];
    for line in &lines {
        starts.push(starts.last().copied().unwrap_or(0) + line.len());
    }
    let whole: Vec<(Range<usize>, String)> =
        merge_overlapping(old, &starts, edits).iter().map(|edit| whole_lines(old, &starts, edit)).collect();
    let changes: Vec<Change> = whole.iter().map(|(range, new)| trimmed(&lines, range.clone(), new)).collect();
    let mut out = format!("--- {name}\n+++ {name}\n");
    let (mut at, mut shift) = (0, 0_i64);
    while at < changes.len() {
        let mut end = at + 1;
        while matches!((changes.get(end - 1), changes.get(end)), (Some(a), Some(b)) if b.old.start <= a.old.end + 2 * AROUND)
        {
            end += 1;
        }
        shift += hunk(&mut out, &lines, changes.get(at..end).unwrap_or_default(), shift);
        at = end;
    }
    out
}

/// The edits, those that touch the same line joined to one.
fn merge_overlapping<'e>(
    old: &str,
    starts: &[usize],
    edits: impl Iterator<Item = (Range<usize>, &'e str)>,
) -> Vec<(Range<usize>, String)> {
    let mut merged: Vec<(Range<usize>, String)> = Vec::new();
    for (range, new) in edits {
        match merged.last_mut() {
            Some((before, text))
                if touched_lines(starts, &range).start < touched_lines(starts, before).end =>
            {
                text.push_str(old.get(before.end..range.start).unwrap_or_default());
                text.push_str(new);
                before.end = range.end;
            }
            _ => merged.push((range, new.to_owned())),
        }
    }
    merged
}

/// The lines that a range touches.
fn touched_lines(starts: &[usize], range: &Range<usize>) -> Range<usize> {
    let first = starts.partition_point(|start| *start <= range.start).saturating_sub(1);
    let last = starts.partition_point(|start| *start < range.end).max(first + 1).min(starts.len() - 1);
    first..last
}

/// An edit widened to whole lines: line numbers, and the new text of those lines.
fn whole_lines(old: &str, starts: &[usize], (range, new): &(Range<usize>, String)) -> (Range<usize>, String) {
    let Range { start: first, end: last } = touched_lines(starts, range);
    let begin = starts.get(first).copied().unwrap_or(0);
    let end = starts.get(last).copied().unwrap_or(old.len());
    let head = old.get(begin..range.start).unwrap_or_default();
    let tail = old.get(range.end..end).unwrap_or_default();
    (first..last, format!("{head}{new}{tail}"))
}

/// A change without the lines that are the same at its beginning and end.
fn trimmed<'t>(lines: &[&str], mut old: Range<usize>, new: &'t str) -> Change<'t> {
    let mut new: Vec<&str> = new.split_inclusive('\n').collect();
    while old.start < old.end && lines.get(old.start) == new.first() {
        old.start += 1;
        new.remove(0);
    }
    while old.start < old.end && lines.get(old.end - 1) == new.last() {
        old.end -= 1;
        new.pop();
    }
    Change { old, new }
}

/// Writes changes that stand close together; returns by how many lines they lengthen the text.
fn hunk(out: &mut String, lines: &[&str], changes: &[Change], shift: i64) -> i64 {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return 0;
    };
    let start = first.old.start.saturating_sub(AROUND);
    let end = (last.old.end + AROUND).min(lines.len());
    let growth: i64 = changes.iter().map(|c| signed(c.new.len()) - signed(c.old.len())).sum();
    let count = end - start;
    out.push_str(&format!(
        "@@ -{},{count} +{},{} @@\n",
        start + 1,
        signed(start) + 1 + shift,
        signed(count) + growth
    ));
    let mut at = start;
    for change in changes {
        push_lines(out, ' ', lines.get(at..change.old.start).unwrap_or_default());
        push_lines(out, '-', lines.get(change.old.clone()).unwrap_or_default());
        push_lines(out, '+', &change.new);
        at = change.old.end;
    }
    push_lines(out, ' ', lines.get(at..end).unwrap_or_default());
    growth
}

fn push_lines(out: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_changes_share_a_hunk_and_far_ones_do_not() {
        let old: String = (1..=30).map(|i| format!("line {i}\n")).collect();
        let edit = |from: &str, to: &'static str| {
            let at = old.find(from).unwrap();
            (at..at + from.len(), to)
        };
        let diff = unified(
            "f",
            &old,
            [edit("line 5\n", "five\nfive\n"), edit("line 8", "eight"), edit("line 25", "")].into_iter(),
        );
        assert_eq!(
            diff,
            "--- f\n+++ f\n@@ -2,10 +2,11 @@\n line 2\n line 3\n line 4\n-line 5\n+five\n+five\n line 6\n line 7\n-line 8\n+eight\n line 9\n line 10\n line 11\n@@ -22,7 +23,7 @@\n line 22\n line 23\n line 24\n-line 25\n+\n line 26\n line 27\n line 28\n"
        );
    }

    #[test]
    fn changes_of_one_line_are_one() {
        let edits = [(0, "a"), (6, "b\nc"), (8, "d"), (11, "e")].map(|(at, new)| (at..at + 1, new));
        let diff = unified("f", "1, 2, 3\n4, 5", edits.into_iter());
        assert_eq!(
            diff,
            "--- f\n+++ f\n@@ -1,2 +1,3 @@\n-1, 2, 3\n+a, 2, b\n+c\n-4, 5\n\\ No newline at end of file\n+d, e\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn a_last_line_without_end_is_marked() {
        assert!(
            unified("f", "a\nb", std::iter::once((2..3, "c")))
                .ends_with("-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n")
        );
    }
}
