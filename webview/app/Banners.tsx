import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { Button, Icon } from '../ui/Icon';

/** Sentences about the whole file: that it is not trusted, or can't be changed. */
export function Banners() {
  const trusted = useStudio((state) => state.trusted);
  const readOnly = useStudio((state) => state.readOnly);
  const reason = useStudio((state) => state.reason);
  return (
    <>
      {!trusted && (
        <div className="banner" role="note" data-testid="untrusted">
          <Icon name="shield" />
          <span>This folder is not trusted. You can view and edit graphs; to run them, trust the folder.</span>
          <Button onClick={() => postToHost({ type: 'requestTrust' })}>Trust this folder…</Button>
        </div>
      )}
      {readOnly && (
        <div className="banner" role="note" data-testid="read-only">
          <Icon name="lock" />
          <span>{reason ?? 'This file is read-only.'}</span>
          <Button secondary onClick={() => postToHost({ type: 'openAsText' })}>
            Open as text
          </Button>
        </div>
      )}
    </>
  );
}
