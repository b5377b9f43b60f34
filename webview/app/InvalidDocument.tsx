import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { excerpt } from './excerpt';
import { Button } from '../ui/Icon';

/** The file can't be shown as a graph: where it breaks, and the way to mend it. */
export function InvalidDocument() {
  const text = useStudio((state) => state.text);
  const problem = useStudio((state) => state.parseProblems[0]);
  const lines = problem ? excerpt(text, problem.line, problem.column) : [];
  return (
    <main className="state-page" data-testid="invalid">
      <h1>This file is not a graph</h1>
      {problem && (
        <p>
          Line {problem.line}, column {problem.column}: {problem.message}
        </p>
      )}
      {lines.length > 0 && (
        <pre aria-label="Where the file is not valid" tabIndex={0}>
          {lines.map((line) => (
            <div key={line.key} className={line.number === undefined ? 'caret-line' : ''}>
              <span className="line-number">{line.number ?? ''}</span>
              {line.text}
            </div>
          ))}
        </pre>
      )}
      <div className="actions">
        <Button
          icon="go-to-file"
          data-testid="open-as-text"
          onClick={() => postToHost({ type: 'openAsText', offset: problem?.offset ?? 0 })}
        >
          Open as text
        </Button>
      </div>
      <p className="muted-text">The graph appears again as soon as the text is valid. Undo works here, too.</p>
    </main>
  );
}
