//! Tables as Kafka's `ToolsUtils.prettyPrintTable` writes them.

use crate::console::Console;

/// Writes a table: columns as wide as their widest cell, a tab behind each.
pub fn print(head: &[&str], rows: &[Vec<String>], console: &mut Console) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::len);
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}\t"));
        console.line(cells.collect::<String>());
    };
    line(&mut head.iter().copied());
    rows.iter()
        .for_each(|row| line(&mut row.iter().map(String::as_str)));
}
