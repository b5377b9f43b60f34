import { useEffect } from 'react';
import { type Problem } from '../../extension/graph';
import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { Icon } from '../ui/Icon';

const NONE: readonly string[] = [];

/** What can be done at a click about a problem; the same as VS Code's Problems panel offers. */
export function Fixes({ problem: { code, offset } }: { problem: Problem }) {
  const known = useStudio((state) => state.fixes[`${code}@${offset}`]);
  const readOnly = useStudio((state) => state.readOnly);
  const asked = known !== undefined;
  useEffect(() => {
    if (!asked) postToHost({ type: 'requestFixes', code, offset });
  }, [asked, code, offset]);
  return (known ?? NONE).map((title) => (
    <button
      key={title}
      type="button"
      className="link fix"
      disabled={readOnly}
      onClick={() => postToHost({ type: 'applyFix', code, offset, title })}
    >
      <Icon name="lightbulb" />
      {title}
    </button>
  ));
}
