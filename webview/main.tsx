import { createRoot } from 'react-dom/client';
import '@vscode/codicons/dist/codicon.css';
import '@xyflow/react/dist/base.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/canvas.css';
import './styles/inspector.css';
import './styles/timeline.css';
import './styles/attention.css';
import './styles/mask.css';
import './styles/stage.css';
import { App } from './app/App';
import { watchChanges } from './model/autoRun';
import { restoreDraft } from './model/draft';
import { flushParams } from './model/actions/params';
import { onHostMessage, postToHost } from './model/host';
import { onMessage } from './app/messages';
import { watchMilestones } from './app/milestones';
import { watchRoom } from './model/panels';
import { restorePageState } from './model/pageState';
import { useStudio } from './model/store';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no root element.');

useStudio.setState({ page: restorePageState() });
onHostMessage(onMessage);
watchMilestones();
watchChanges();
watchRoom();
// A page that is hidden is gone, and what was typed last with it.
window.addEventListener('pagehide', flushParams);
createRoot(root).render(<App />);
restoreDraft();
postToHost({ type: 'ready' });
