import { createRoot } from 'react-dom/client';
import '@vscode/codicons/dist/codicon.css';
import '@xyflow/react/dist/base.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/canvas.css';
import './styles/inspector.css';
import './styles/timeline.css';
import './styles/inspect.css';
import './styles/mask.css';
import { App } from './app/App';
import { flushParams } from './state/actions';
import { onHostMessage, postToHost } from './state/host';
import { onMessage } from './state/messages';
import { watchMilestones } from './state/milestones';
import { restorePageState } from './state/pageState';
import { useStudio } from './state/store';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no root element.');

useStudio.setState({ page: restorePageState() });
onHostMessage(onMessage);
watchMilestones();
// A page that is hidden is gone, and what was typed last with it.
window.addEventListener('pagehide', flushParams);
createRoot(root).render(<App />);
postToHost({ type: 'ready' });
