/** The themes that everything can be read in: their names, and the class that each gives the body of a page. */
export const THEMES = [
  ['Light Modern', 'vscode-light'],
  ['Dark Modern', 'vscode-dark'],
  ['Dark High Contrast', 'vscode-high-contrast'],
  ['Light High Contrast', 'vscode-high-contrast-light'],
] as const;

export const fileName = (theme: string) => theme.replaceAll(' ', '-').toLowerCase();
