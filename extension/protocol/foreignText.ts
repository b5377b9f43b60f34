/**
 * Text that somebody else wrote (titles of checkpoints, file names, ids of a graph, messages about them) on its way to the user: one
 * function for each place where VS Code would read more than text from it. Whoever shows text passes it through the one of its place.
 */

/** Controls (C0 and C1, escape codes among them), and the marks that make a line read in another order than it is written. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROLS = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** What breaks a line. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** On one line, as it is written: for trees, dialogs, titles and terminals. */
export function plainLine(text: string): string {
  return text.replace(BREAKS, ' ').replace(CONTROLS, '');
}

/** The same of several lines; those stay. */
export function plainLines(text: string): string {
  return text
    .split(/\r\n|[\n\r]/)
    .map(plainLine)
    .join('\n');
}

/** For notifications and the prompts of input boxes, where `[text](command:…)` would be a link that runs a command. */
export function noticeText(text: string): string {
  return plainLine(text).replace(/\](?=\()/g, '] ');
}

/** For lists to choose from and the status bar, where `$(name)` would be an icon. */
export function iconText(text: string): string {
  return plainLine(text).replace(/\$(?=\()/g, '\\$');
}

/** For Markdown: every mark is escaped, so that nothing is a link, an image, HTML or emphasis. */
export function markdownText(text: string): string {
  return plainLine(text).replace(/[!-/:-@[-`{-~]/g, '\\$&');
}

/** For HTML, in text and in quoted attributes. */
export function htmlText(text: string): string {
  return plainLine(text).replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
