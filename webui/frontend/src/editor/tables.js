// Tables: inserted, with rows and columns added and removed where the cursor is; Tab goes from cell to cell.

const MOST_ROWS = 200;
const MOST_COLUMNS = 20;

export function tables(editor, root) {
  function cellNow() {
    const { startContainer } = editor.getSelection();
    const element = startContainer.nodeType === Node.ELEMENT_NODE ? startContainer : startContainer.parentElement;
    const cell = element?.closest("td, th");
    return cell && root.contains(cell) ? cell : null;
  }

  function into(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    range.collapse(true);
    editor.setSelection(range);
    editor.focus();
  }

  function fill(cell) {
    cell.append(editor.createDefaultBlock());
  }

  // Attributes that mail programs have always known, for lines that are seen everywhere.
  function insert(columns, rows) {
    if (cellNow()) return; // never a table within a table
    const table = document.createElement("table");
    for (const [name, value] of [["border", "1"], ["cellpadding", "6"], ["cellspacing", "0"], ["width", "100%"]]) {
      table.setAttribute(name, value);
    }
    table.style.borderCollapse = "collapse";
    const body = table.createTBody();
    for (let row = 0; row < rows; row++) {
      const line = body.insertRow();
      for (let column = 0; column < columns; column++) fill(line.insertCell());
    }
    editor.saveUndoState();
    editor.insertElement(table);
    into(table.rows[0].cells[0].firstChild);
  }

  function addRow(cell, table) {
    if (table.rows.length >= MOST_ROWS) return;
    const row = cell.parentElement;
    const added = row.parentElement.insertRow(row.sectionRowIndex + 1);
    for (let column = 0; column < row.cells.length; column++) fill(added.insertCell());
    into(added.cells[Math.min(cell.cellIndex, added.cells.length - 1)].firstChild);
  }

  function addColumn(cell, table) {
    if (cell.parentElement.cells.length >= MOST_COLUMNS) return;
    const at = cell.cellIndex + 1;
    for (const row of table.rows) fill(row.insertCell(Math.min(at, row.cells.length)));
    into(cell.nextElementSibling.firstChild);
  }

  function removeTable(table) {
    const after = table.nextElementSibling ?? root.appendChild(editor.createDefaultBlock());
    table.remove();
    into(after);
  }

  function removeRow(cell, table) {
    const row = cell.parentElement;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (!table.rows.length) return removeTable(table);
    into((next ?? table.rows[0]).cells[0]);
  }

  function removeColumn(cell, table) {
    const row = cell.parentElement;
    const at = cell.cellIndex;
    for (const one of [...table.rows]) {
      one.cells[at]?.remove();
      if (!one.cells.length) one.remove();
    }
    if (!table.rows.length) return removeTable(table);
    into((row.isConnected ? row : table.rows[0]).cells[Math.max(0, at - 1)]);
  }

  const changes = {
    "ligne:plus": addRow,
    "ligne:moins": removeRow,
    "colonne:plus": addColumn,
    "colonne:moins": removeColumn,
    "tableau:moins": (cell, table) => removeTable(table),
  };

  // Forwards or back from cell to cell; at its ends the table is left as any other thing on the page.
  function step(by, otherwise) {
    return (self, event, range) => {
      const cell = cellNow();
      if (!cell) return otherwise?.(self, event, range);
      const all = [...cell.closest("table").querySelectorAll("td, th")];
      const next = all[all.indexOf(cell) + by];
      if (!next) return undefined;
      event.preventDefault();
      return into(next.firstChild ?? next);
    };
  }
  for (const [key, by] of [["Tab", 1], ["Shift-Tab", -1]]) editor.setKeyHandler(key, step(by, editor._keyHandlers[key]));

  return {
    insert,
    // What is done to the table around the cursor.
    change(name) {
      const cell = cellNow();
      if (!cell || !changes[name]) return;
      editor.saveUndoState();
      changes[name](cell, cell.closest("table"));
    },
    isInside: () => Boolean(cellNow()),
  };
}
