import { describe, expect, it } from 'vitest';
import { iconText, markdownText, noticeText, plainLine, plainLines } from '../../../extension/protocol/foreignText';

/** How VS Code finds links in notifications (base/common/linkedText.ts). */
const VSCODE_LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

describe('text that somebody else wrote', () => {
  it('stays as it is where it is plain', () => {
    for (const text of ['giraffe-cow', 'Zürich – 猫.png', 'a [b] (c) $5', 'fp16 (2.1 GB)']) {
      expect(plainLine(text)).toBe(text);
      expect(noticeText(text)).toBe(text);
      expect(iconText(text)).toBe(text);
    }
  });

  it('has no escape codes, no line breaks and no marks that turn the order round', () => {
    expect(plainLine('\u001b[31mred\u001b[0m\u0007')).toBe('[31mred[0m');
    expect(plainLine('cat\u202Egnp.exe')).toBe('catgnp.exe');
    expect(plainLine('one\r\ntwo\u2028three\u0085four')).toBe('one two three four');
    expect(plainLine('\u009b31m')).toBe('31m');
    expect(plainLines('one\r\ntwo\u0000\nthree')).toBe('one\ntwo\nthree');
  });

  it('is never a link of a notification', () => {
    for (const text of [
      '[Get it](command:workbench.action.terminal.new)',
      '[a](https://example.org) and [b](command:c)',
      '[x]\u202e(command:y)',
      '[x]\u0000(command:y)',
    ]) {
      expect(noticeText(text)).not.toMatch(VSCODE_LINK);
    }
    expect(noticeText('[Get it](command:x)')).toBe('[Get it] (command:x)');
  });

  it('is never an icon of a list', () =>
    expect(iconText('$(error) $(sync~spin).png')).toBe('\\$(error) \\$(sync~spin).png'));

  it('is never anything but text in Markdown', () => {
    expect(markdownText('[Stop](command:weft.stop)')).toBe('\\[Stop\\]\\(command\\:weft\\.stop\\)');
    expect(markdownText('<img src=x> **b** <command:weft.stop>\n\n# h')).toBe(
      '\\<img src\\=x\\> \\*\\*b\\*\\* \\<command\\:weft\\.stop\\> \\# h',
    );
    expect(markdownText('www.example.org')).toBe('www\\.example\\.org');
  });
});
