"""What people read: report page, charts, traced pictures, tables."""
