//! Placeholder until the branch of the answer is merged.
use crate::web::gathered::Gathered;
pub struct AnswerView {
    pub sentence: String,
}
impl AnswerView {
    pub fn of(gathered: &Gathered) -> AnswerView {
        AnswerView {
            sentence: gathered.diagnosis.summary.clone(),
        }
    }
}
