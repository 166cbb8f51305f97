//! Requests that name a partition twice: the last mention counts, in the place of the first. Produce, Fetch
//! and DeleteRecords ask.

use std::cmp::Ordering;

/// Keeps of the items that `compare` takes for equal only the last, in the place of the first. Costs next to
/// nothing where the items rise strictly, as a single one does.
pub fn keep_last_of_each<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if items.is_sorted_by(|a, b| compare(a, b) == Ordering::Less) {
        return;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|&a, &b| compare(&items[a], &items[b]));
    let mut kept = vec![true; items.len()];
    let mut moves = Vec::new();
    // The sort is stable: the places of equal items rise.
    for same in order.chunk_by(|&a, &b| compare(&items[a], &items[b]) == Ordering::Equal) {
        if let [first, .., last] = *same {
            moves.push((first, last));
            same[1..].iter().for_each(|&place| kept[place] = false);
        }
    }
    for (first, last) in moves {
        items.swap(first, last);
    }
    let mut kept = kept.into_iter();
    items.retain(|_| kept.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_stands_where_the_first_stood() {
        let cases: &[(&[(i32, char)], &str)] = &[
            (&[], ""),
            (&[(1, 'a')], "a"),
            (&[(1, 'a'), (2, 'b'), (3, 'c')], "abc"),
            (&[(3, 'a'), (1, 'b'), (2, 'c')], "abc"),
            (&[(1, 'a'), (1, 'b')], "b"),
            (
                &[(2, 'a'), (1, 'b'), (2, 'c'), (0, 'd'), (1, 'e'), (2, 'f')],
                "fed",
            ),
        ];
        for (items, expected) in cases {
            let mut items = items.to_vec();
            keep_last_of_each(&mut items, |a, b| a.0.cmp(&b.0));
            assert_eq!(items.iter().map(|item| item.1).collect::<String>(), *expected);
        }
    }
}
