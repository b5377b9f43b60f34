/** The patterns under which people ignore a folder; a cleverer pattern that covers it only costs one needless question. */
export function isIgnored(gitignore: string, folder: string): boolean {
  const lines = new Set(gitignore.split(/\r?\n/).map((line) => line.trim()));
  const parts = folder.split('/');
  return parts.some((part, index) => {
    const upTo = parts.slice(0, index + 1).join('/');
    return [part, upTo].some(
      (name) => lines.has(name) || lines.has(`${name}/`) || lines.has(`/${name}`) || lines.has(`/${name}/`),
    );
  });
}

/** The file with a line for the folder at its end, in the file's own line endings. */
export function ignoreLine(gitignore: string, folder: string): string {
  const eol = gitignore.includes('\r\n') ? '\r\n' : '\n';
  const gap = gitignore === '' || gitignore.endsWith('\n') ? '' : eol;
  return `${gitignore}${gap}${folder}/${eol}`;
}
