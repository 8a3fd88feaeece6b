// What every page of the complete interface loads: what becomes of answers that are no content; news of the
// folders; the keys that work everywhere; letters in panels; the way back to the message that was open.

import "./core/answers.js";
import "./core/opening.js";
import "./core/asking.js";
import "./core/back.js";
import "./core/folding.js";
import "./core/menus.js";
import "./core/keys.js";
import "./core/letter.js";
import "./core/live.js";
import "./core/offline.js";
import "./core/reminders.js";
