//! What the switch does for a call besides talking and ringing, in words.

use crate::plan::diagnostic::Lang;
use crate::plan::resolved::{DeedSource, PopSource};
use crate::plan::verb::VerbRow;

use super::{Teller, list, time};

impl Teller<'_> {
    /// A deed as a phrase; `said` is how the plan writes it.
    pub fn deed(&self, deed: &DeedSource, row: &'static VerbRow, said: &str) -> String {
        match deed {
            DeedSource::Tag(text) => self.pair("tags the call", "打标签", &self.operand(text)),
            DeedSource::Event { name, .. } => self.pair("notes the event", "记事件", name),
            DeedSource::Notify { webhook, text, once } => {
                let text = text.as_ref().map(|text| format!(" {}", self.operand(text))).unwrap_or_default();
                let once = if *once { self.word(", once", "，只通知一次") } else { "" };
                self.pair("tells", "通知", &format!("{}{text}{once}", webhook.name))
            }
            DeedSource::Pop(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| self.pop(field)).collect();
                self.pair("shows the agent", "弹屏：", &list(self.lang, &fields))
            }
            DeedSource::Push(card) => self.pair("shows the agent the card", "弹出知识卡片", &card.title),
            DeedSource::Wait(wait) => self.pair("waits", "等待", &time(*wait)),
            DeedSource::Queue { again, .. } => self.queue(deed, *again),
            DeedSource::Voicemail { mailbox, longest, sounds } => {
                let (mailbox, longest) = (self.plain(mailbox), time(*longest));
                let prompt = self.sounds(sounds, said);
                match (self.lang, prompt.is_empty()) {
                    (Lang::En, true) => format!("takes a message for {mailbox}, at most {longest}"),
                    (Lang::En, false) => {
                        format!("takes a message for {mailbox}, at most {longest}, after {prompt}")
                    }
                    (Lang::Zh, true) => format!("留言到 {mailbox}，最长 {longest}"),
                    (Lang::Zh, false) => format!("播放 {prompt} 后留言到 {mailbox}，最长 {longest}"),
                }
            }
            DeedSource::Callback { keep, within } => match (self.lang, keep) {
                (Lang::En, true) => {
                    format!("notes a call-back within {} that keeps the place", time(*within))
                }
                (Lang::En, false) => format!("notes a call-back within {}", time(*within)),
                (Lang::Zh, true) => format!("登记 {} 内回呼，保留排队位置", time(*within)),
                (Lang::Zh, false) => format!("登记 {} 内回呼", time(*within)),
            },
            DeedSource::Conference { room, limit, .. } => match self.lang {
                Lang::En => format!("joins the conference {}, at most {limit} people", self.plain(room)),
                Lang::Zh => format!("进入会议 {}，最多 {limit} 人", self.plain(room)),
            },
            DeedSource::Park { slot, wait } => {
                let slot = slot.as_ref().map(|slot| self.plain(slot)).unwrap_or_default();
                match self.lang {
                    Lang::En => format!("parks the call at {slot} for {}", time(*wait)),
                    Lang::Zh => format!("驻留 {slot}，最长 {}", time(*wait)),
                }
            }
            DeedSource::Pickup { user } => self.pair("takes over what rings at", "代接", &self.plain(user)),
            DeedSource::Whisper { sounds } => {
                self.pair("whispers to the agent", "对坐席耳语", &self.sounds(sounds, said))
            }
            DeedSource::Show { agent, text } => match agent {
                true => self.pair("shows the agent", "提示坐席", &self.operand(text)),
                false => self.pair("shows the customer", "提示客户", &self.operand(text)),
            },
            DeedSource::Mute { agent, time: wait } => match agent {
                true => self.pair("mutes the agent for", "静音坐席", &time(*wait)),
                false => self.pair("mutes the customer for", "静音客户", &time(*wait)),
            },
            DeedSource::Join { group } => self.pair("brings in one of", "请入", group),
            DeedSource::Transfer { flow, .. } => {
                let flow = self.program.flows.get(*flow).map_or(row.word, |flow| flow);
                self.pair("lets the agent go and continues in", "放开坐席，转到", flow)
            }
        }
    }

    fn queue(&self, deed: &DeedSource, again: bool) -> String {
        let DeedSource::Queue { queue, skills, priority, sticky, wait, preempt, .. } = deed else {
            return String::new();
        };
        let mut more = Vec::new();
        for (skill, level) in skills.iter() {
            more.push(self.pair("skill", "技能", &format!("{skill} ≥ {}", self.operand(level))));
        }
        if let Some(priority) = priority {
            more.push(self.pair("priority", "优先级", &self.operand(priority)));
        }
        if let Some(sticky) = sticky {
            more.push(self.pair("same agent for", "优先原坐席", &time(*sticky)));
        }
        if *preempt {
            more.push(self.word("may interrupt less urgent calls", "可抢占较不紧急的呼叫").to_string());
        }
        more.push(self.pair("at most", "最长", &time(*wait)));
        let queue = match again {
            true => self.pair("moves the caller to the queue", "转入队列", &queue.name),
            false => self.pair("waits in the queue", "排队", &queue.name),
        };
        format!("{queue}{}{}", self.word(", ", "，"), list(self.lang, &more))
    }

    fn pop(&self, field: &PopSource) -> String {
        match field {
            PopSource::Value(name, operand, _) => format!("{name} {}", self.operand(operand)),
            PopSource::Record(name, operand, _) => match self.lang {
                Lang::En => format!("{name}: all of {}", self.operand(operand)),
                Lang::Zh => format!("{name}：{} 的全部字段", self.operand(operand)),
            },
            PopSource::Script(index, _) => {
                let script = self.program.declared().scripts.get(*index).map_or("", |script| &script.name);
                self.pair("the script", "话术", script)
            }
            PopSource::Card(card) => self.pair("the card", "知识卡片", &card.title),
        }
    }
}
